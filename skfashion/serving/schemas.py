"""What goes over the wire beside the Open Inference Protocol, as OpenAPI describes it."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Label = str | int | bool | float
Probability = Annotated[float, Field(ge=0, le=1)]


class Message(BaseModel):
    """A message of one meaning: strict types, and nothing besides."""

    model_config = ConfigDict(strict=True, extra="forbid")


class Problem(BaseModel):
    """An error, as RFC 9457 has it, ``application/problem+json``; never with a trace."""

    type: Literal["about:blank"] = "about:blank"
    title: str = Field(description="The status in words.")
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str = Field(description="What was given, what was expected, and what to do.")
    request_id: str = Field(description="That of the header X-Request-ID, and of the log.")
    error: str = Field(description="The same as detail, where the Open Inference Protocol has it.")


class ModelCard(Message):
    """A model that is served."""

    name: str
    classes: list[Label]
    image_shape: Annotated[list[int], Field(min_length=3, max_length=3)] | None = Field(
        description="Channels, height and width; null of a model of a table, which takes no image."
    )
    prior: list[Probability] | None = Field(
        description="Frequencies of the classes that its probabilities are made for, if known."
    )
    has_examples: bool = Field(description="Whether its file carries images, for neighbors.")


class ModelList(Message):
    """The answer of GET /v1/models."""

    models: list[ModelCard]


class Instances(Message):
    """The JSON that /v1/predict takes beside pictures."""

    instances: Annotated[list[Any], Field(min_length=1)] = Field(
        description="Images as nested lists of numbers, (n, c, h, w), (n, h, w), (n, h, w, c), or "
        "flat rows in the order of the model's image_shape: numbers as in its training."
    )


class Prediction(Message):
    """The answer of POST /v1/predict: a row of each list an image."""

    labels: list[Label]
    probabilities: list[list[Probability]]
    classes: list[Label] = Field(description="The columns of the probabilities.")


class Explanation(Message):
    """The answer of POST /v1/explain."""

    heat: list[list[float]] = Field(
        description="A number a pixel of the image that the net sees, rows from the top: by how "
        "much the label's probability falls where that pixel is covered."
    )
    label: Label


class Example(Message):
    """An image of the model's file."""

    label: Label | None
    distance: Annotated[float, Field(ge=0)]
    png: str = Field(description="The image as a PNG, in base64.")


class Neighbors(Message):
    """The answer of POST /v1/neighbors: at most five, the nearest first."""

    examples: list[Example]


class View(Message):
    """The answer of POST /v1/view."""

    png: str = Field(description="The image that the net sees, as a PNG in base64.")


class DriftReport(Message):
    """The answer of GET /v1/drift: what the model's monitor said of its last window.

    Each process has a monitor of what it has answered itself, and answers for itself.
    """

    model: str
    pid: int = Field(description="The process that says so.")
    classes: list[Label] = Field(description="Those whose frequencies the report has, in order.")
    window: Annotated[int, Field(ge=1)] = Field(description="Rows of a window.")
    n_rows: Annotated[int, Field(ge=0)] = Field(description="Of the next window, so far.")
    report: dict[str, Any] | None = Field(description="null until a window is full.")
