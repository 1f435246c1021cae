"""What a service is held beside: an app that only echoes, and one as many write it by hand."""

import io
import os

from fastapi import FastAPI, Request, Response

# The environment variable with the saved net that the app by hand serves.
NET = "SKFASHION_RIVAL_NET"


def echo():
    """Return an app that sends back what it gets."""
    app = FastAPI()

    @app.post("/")
    async def answer(request: Request):
        return Response(await request.body(), media_type="image/png")

    return app


def by_hand():
    """Return an app of FastAPI, Pillow and PyTorch, without limits, metrics or logs.

    Its net is compiled in the way that was the fastest for one image: eager, ``torch.export`` and
    ``torch.compile`` took longer.
    """
    import numpy as np
    import torch
    from PIL import Image

    import skfashion

    torch.set_num_threads(1)
    net = skfashion.load(os.environ[NET])
    classes, shape = net.classes_.tolist(), net.image_shape_[:2]
    zeros = torch.zeros(1, 1, *shape, dtype=torch.uint8)
    module = torch.jit.trace(net.net_.module_.cpu().eval(), zeros)
    module = torch.jit.optimize_for_inference(module)
    app = FastAPI()

    # Not in a thread: to go there and back takes longer than it saves.
    @app.post("/")
    async def predict(request: Request):
        picture = Image.open(io.BytesIO(await request.body())).convert("L")
        if picture.size != shape[::-1]:
            picture = picture.resize(shape[::-1])
        with torch.inference_mode():
            probabilities = module(torch.from_numpy(np.array(picture))[None, None]).softmax(1)
        labels = [classes[column] for column in probabilities.argmax(1)]
        return {"labels": labels, "probabilities": probabilities.tolist(), "classes": classes}

    return app
