"""The page in a real browser: the same numbers as in Python, hands and keys, no request."""

import base64
import re
import threading
import time
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from clothes import net
from service import picture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from benchmarks.browsing import SIZES, bring, card, looked_at, ready, shown, violations
from skfashion import ConvNetClassifier, MLPNetClassifier
from skfashion.datasets import load_fashion_sample
from skfashion.export import quantize, to_onnx
from skfashion.serving import create_app
from skfashion.serving.looking import Nearest, occlusion
from skfashion.serving.model import load_model
from skfashion.serving.pictures import decode, open_picture
from skfashion.serving.webpage import policy, render
from skfashion.serving.webpage.offline import offline_page
from skfashion.serving.webpage.runtime import find_runtime

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")
pytestmark = pytest.mark.slow

GOLDEN = Path(__file__).parent / "golden"
SAMPLE = load_fashion_sample()
X, NAMES = SAMPLE.data[:600], np.asarray(SAMPLE.target_names)[SAMPLE.target[:600]]
TEST = load_fashion_sample(subset="test").data
BAD = "</script><script>alert(1)</script>"
RANDOM = np.random.default_rng(0)
TOLERANCE = 1e-4
# Images whose probabilities are compared; `python -m benchmarks webpage` compares 200.
N_IMAGES = 20


@pytest.fixture(scope="module")
def runtime():
    try:
        return find_runtime()
    except OSError as error:
        pytest.skip(f"ONNX Runtime Web is not here and cannot be fetched: {error}")


@pytest.fixture(scope="module")
def nets():
    conv = net(ConvNetClassifier, channels=(8, 16), max_epochs=2).fit(X, NAMES)
    return {"conv": conv}


@pytest.fixture(scope="module")
def contents(nets, tmp_path_factory):
    """Files: fp32 and int8, one with features, and rows of floats, with a hostile label."""
    folder = tmp_path_factory.mktemp("files")
    shown = [np.flatnonzero(NAMES == name)[0] for name in np.unique(NAMES)]
    to_onnx(nets["conv"], folder / "conv.onnx", examples=(X[shown], NAMES[shown]))
    quantize(folder / "conv.onnx", folder / "int8.onnx", X[:64])
    rows = RANDOM.integers(0, 256, (60, 8 * 8 * 3)).astype(np.float32)
    pipe = make_pipeline(
        MinMaxScaler(), net(MLPNetClassifier, max_epochs=1, image_shape=(8, 8, 3))
    ).fit(rows, [BAD, "b"] * 30)
    to_onnx(pipe, folder / "rows.onnx", rows)
    (folder / "grey.onnx").write_bytes((GOLDEN / "grey.onnx").read_bytes())
    return {path.stem: path.read_bytes() for path in sorted(folder.glob("*.onnx"))}


@pytest.fixture(scope="module")
def page_file(contents, runtime, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(offline_page(contents, runtime), encoding="utf-8")
    return path


@pytest.fixture
def page(opened, page_file):
    return ready(opened(page_file))


def pixels_of(page, name, what):
    """Return the pixels (h, w, 4) of one of the canvases on a model's card."""
    canvas = card(page, name).locator(f"canvas.{what}")
    data = "one.getContext('2d').getImageData(0, 0, one.width, one.height).data"
    h, w, values = canvas.evaluate(f"one => [one.height, one.width, Array.from({data})]")
    return np.reshape(values, (h, w, 4))


def stroke(page, *points):
    """Draw with the mouse along points, shares of the pad."""
    box = page.locator("#pad").bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=6)
    page.mouse.up()


def answered(page):
    page.wait_for_selector("tr[data-probability]")


# --- the same numbers ---------------------------------------------------------------------------


def test_probabilities_are_those_of_the_file_and_of_the_net(page, contents, nets):
    sessions = {name: onnxruntime.InferenceSession(contents[name]) for name in ("conv", "int8")}
    for image in TEST[:N_IMAGES]:
        bring(page, picture(image.reshape(28, 28)))
        for name, session in sessions.items():
            images = image.reshape(1, 1, 28, 28)
            (expected,) = session.run(["probabilities"], {"images": images})
            np.testing.assert_allclose(shown(page, name), expected[0], atol=TOLERANCE)
        expected = nets["conv"].predict_proba(image[None])[0]
        np.testing.assert_allclose(shown(page, "conv"), expected, atol=TOLERANCE)


def test_every_kind_of_file_gets_the_picture_that_the_service_would_give_it(page, contents):
    models = {name: load_model(name, content) for name, content in contents.items()}
    for shape in ((28, 28), (61, 40, 3), (8, 8, 3), (300, 451, 3), (512, 90)):
        content = picture(RANDOM.integers(0, 256, shape, np.uint8))
        bring(page, content)
        looked_at(page)
        check_views(page, models, content)


def check_views(page, models, content):
    """Compare what is shown and answered with what Python makes of a picture."""
    for name, model in models.items():
        image = model.scaled(decode(open_picture(content, 10**6), model.planes)[None])
        expected = model.predict(model.from_planes(image)).probabilities[0]
        np.testing.assert_allclose(shown(page, name), expected, atol=TOLERANCE)
        seen = pixels_of(page, name, "view")
        c = model.planes[0]
        pixels = seen[:, :, :c].transpose(2, 0, 1)
        np.testing.assert_array_equal(pixels, model.as_pixels(image)[0])


def test_nearest_images_are_those_of_the_service(page, contents):
    content = picture(TEST[3].reshape(28, 28))
    bring(page, content)
    looked_at(page)
    for name in ("conv", "grey"):
        model = load_model(name, contents[name])
        image = model.scaled(decode(open_picture(content, 10**6), model.planes)[None])
        numbers, distances = Nearest(model).find(model.from_planes(image))
        items = card(page, name).locator(".neighbors li")
        far = [float(text) for text in items.locator("small").all_inner_texts()]
        np.testing.assert_allclose(far, distances, rtol=5e-3)
        if model.example_labels:
            texts = items.evaluate_all("all => all.map(one => one.childNodes[1].textContent)")
            assert texts == [model.example_labels[number] for number in numbers]


def script(*names):
    """Return scripts of the page that need nothing of it."""
    folder = resources.files("skfashion.serving.webpage") / "templates"
    return "\n".join((folder / name).read_text("utf-8") for name in names)


@pytest.fixture
def functions(browser):
    """Return a function that calls one of the scripts' functions in an empty page."""
    page = browser.new_page()
    source = script("resample.js", "occlusion.js")
    yield lambda call, value=None: page.evaluate(f"value => {{ {source}; return {call}; }}", value)
    page.close()


def test_pictures_are_made_smaller_as_pillow_does(functions):
    for i in range(30):
        h, w = RANDOM.integers(1, 400, 2) if i % 2 else RANDOM.integers(1, 60, 2)
        shape = [(1, 28, 28), (3, 32, 32), (3, 20, 9)][i % 3]
        pixels = RANDOM.integers(0, 256, (h, w, 3), np.uint8)
        crop = ["stretch", "centre", "pad"][i // 3 % 3]
        expected = decode(open_picture(picture(pixels), 10**6), shape, crop)
        whole = np.concatenate([pixels, np.full((h, w, 1), 255, np.uint8)], axis=2)
        value = {"text": base64.b64encode(whole.tobytes()).decode(), "w": int(w), "h": int(h)}
        call = "viewOf({width: value.w, height: value.h, data: "
        call += (
            f"Uint8Array.from(atob(value.text), (s) => s.charCodeAt(0))}}, {list(shape)}, '{crop}')"
        )
        found = np.reshape(functions(f"Array.from({call})", value), shape)
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("shape", [(1, 12, 14), (1, 10, 18), (3, 8, 6), (3, 3, 5)])
def test_windows_and_heat_are_those_of_the_service(shape, functions):
    image = RANDOM.integers(0, 256, shape, np.uint8)
    asked = []

    class Model:
        def from_planes(self, planes):
            asked.append(planes)
            return planes

        def predict(self, inputs, is_cancelled):
            shares = RANDOM.uniform(0.3, 0.4, len(inputs))
            self.probabilities = np.stack([shares, 1 - shares], axis=1)
            return type("Answer", (), {"probabilities": self.probabilities, "labels": ["a"] * 999})

    model = Model()
    heat, _ = occlusion(model, image)
    windows = f"windowsIn({list(shape)})"
    found = functions(
        f"Array.from(covered(Uint8Array.from(value), {list(shape)}, [...{windows}, null]))",
        image.ravel().tolist(),
    )
    np.testing.assert_array_equal(np.reshape(found, asked[0].shape), asked[0])
    share = model.probabilities[:, 1]
    found = functions(f"heatOf({list(shape)}, {windows}, value)", (share[-1] - share[:-1]).tolist())
    np.testing.assert_allclose(found, heat, atol=1e-12)


def test_the_heat_lies_where_the_picture_is(page, contents):
    bring(page, picture(TEST[8].reshape(28, 28)))
    looked_at(page)
    colours = pixels_of(page, "conv", "heat").astype(int)
    warm = colours[:, :, 0] - colours[:, :, 2]
    model = load_model("conv", contents["conv"])
    expected, label = occlusion(model, TEST[8].reshape(1, 28, 28))
    assert np.corrcoef(warm.ravel(), expected.ravel())[0, 1] > 0.9
    caption = card(page, "conv").locator(".heat + figcaption").inner_text()
    assert caption == f"What mattered for “{label}”"
    most = f"{100 * np.abs(expected).max():.1f} percentage points"
    assert most in card(page, "conv").locator(".legend").inner_text()


# --- hands and keys -----------------------------------------------------------------------------


def test_a_drawing_is_answered_changed_and_taken_back(page):
    assert "Nothing drawn yet" in card(page, "conv").inner_text()
    pictures = card(page, "conv").locator(".pictures")
    assert not pictures.is_visible()
    stroke(page, (0.3, 0.2), (0.7, 0.2), (0.7, 0.8), (0.3, 0.8), (0.3, 0.2))
    answered(page)
    looked_at(page)
    assert pictures.is_visible()
    first = shown(page, "conv")
    assert first.sum() == pytest.approx(1, abs=1e-5)
    widths = (
        card(page, "conv")
        .locator(".bar")
        .evaluate_all("all => all.map(one => parseFloat(one.style.width))")
    )
    np.testing.assert_allclose(widths, 100 * first, atol=1e-3)
    stroke(page, (0.5, 0.1), (0.5, 0.9))
    page.get_by_role("button", name="Undo").click()
    looked_at(page)
    np.testing.assert_array_equal(shown(page, "conv"), first)
    page.get_by_role("button", name="Invert").click()
    looked_at(page)
    assert np.abs(shown(page, "conv") - first).max() > 1e-3
    assert "press Invert" in page.locator("#advice").inner_text()
    page.get_by_role("button", name="Clear").click()
    page.wait_for_selector("article.idle")
    page.keyboard.press("Control+z")
    answered(page)


def test_the_threshold_decides_what_is_said(page):
    bring(page, picture(TEST[0].reshape(28, 28)))
    slider = page.get_by_label("Decision threshold")
    said = card(page, "conv").locator(".answer")
    best = shown(page, "conv").max()
    slider.fill("0")
    assert not said.inner_text().startswith("Undecided")
    slider.fill("100")
    assert said.inner_text().startswith("Undecided") and f"{100 * best:.1f}" in said.inner_text()
    assert card(page, "conv").locator("tr.chosen").count() == 0
    # Of two classes one is always said: the second one from the threshold on.
    two, share = card(page, "rows").locator(".answer"), shown(page, "rows")[1]
    assert two.inner_text().startswith(BAD)
    slider.fill(str(int(100 * share)))
    assert two.inner_text().startswith("b")
    slider.focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    assert page.locator("#threshold-value").inner_text() == "99 %"


def test_the_keyboard_draws_and_reaches_everything(page):
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "pad"
    for key in ("ArrowUp", "Space", *["ArrowDown"] * 6, *["ArrowRight"] * 4, "Space"):
        page.keyboard.press(key)
    answered(page)
    looked_at(page)
    first = shown(page, "conv")
    page.keyboard.press("ArrowLeft")  # the pen is up
    page.wait_for_timeout(100)
    np.testing.assert_array_equal(shown(page, "conv"), first)
    assert "conv: " in page.locator("#status").inner_text()
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.innerText"))
    wanted = {"width", "undo", "clear", "invert", "file", "threshold", "Without a mouse"}
    assert wanted <= reached
    assert len(reached & set(NAMES)) == 10  # training images
    page.get_by_role("button", name="Sneaker").press("Enter")
    looked_at(page)
    assert np.abs(shown(page, "conv") - first).max() > 1e-3


def test_pictures_are_dropped_and_pasted(page):
    content = base64.b64encode(picture(TEST[1].reshape(28, 28))).decode()
    send = """([type, content]) => {
      const bytes = Uint8Array.from(atob(content), (sign) => sign.charCodeAt(0));
      const data = new DataTransfer();
      data.items.add(new File([bytes], "a.png", { type: "image/png" }));
      const paste = new ClipboardEvent("paste", { clipboardData: data });
      dispatchEvent(type === "drop" ? new DragEvent("drop", { dataTransfer: data }) : paste);
    }"""
    found = []
    for type in ("drop", "paste"):
        page.reload()
        ready(page)
        page.evaluate(send, [type, content])
        answered(page)
        looked_at(page)
        found.append(shown(page, "conv"))
    np.testing.assert_array_equal(*found)
    bring(page, picture(TEST[1].reshape(28, 28)))
    np.testing.assert_array_equal(shown(page, "conv"), found[0])


def test_what_is_no_picture_is_told_and_changes_nothing(page):
    bring(page, picture(TEST[1].reshape(28, 28)))
    before = shown(page, "conv")
    bad = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no picture"}
    page.set_input_files("#file", bad)
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert 'Got "notes.txt", which this browser cannot show' in alert.inner_text()
    np.testing.assert_array_equal(shown(page, "conv"), before)
    bring(page, picture(TEST[2].reshape(28, 28)))
    assert not alert.is_visible()


def test_a_wide_photograph_is_made_smaller_and_cut(page):
    bring(page, picture(RANDOM.integers(0, 256, (700, 1400, 3), np.uint8), "JPEG"), "photo.jpg")
    size = "[document.getElementById('pad').width, document.getElementById('pad').height]"
    assert page.evaluate(size) == [512, 256]
    page.get_by_role("button", name="Cut square").click()
    assert page.evaluate(size) == [256, 256]
    assert page.get_by_role("button", name="Cut square").is_disabled()


def test_names_that_look_like_scripts_are_words(page):
    texts = card(page, "rows").locator("tbody th").all_inner_texts()
    assert texts == [BAD, "b"]
    # The data, the runtime, what the page does.
    assert page.evaluate("document.scripts.length") == 3


# --- sizes, colours, readers --------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_reader_a_phone_and_the_night_are_served(size, scheme, opened, page_file):
    pytest.importorskip("axe_playwright_python")
    page = ready(opened(page_file, size=SIZES[size], scheme=scheme))
    back = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", back))) > 384) == (scheme == "light")
    for state in ("empty", "answered"):
        if state == "answered":
            stroke(page, (0.3, 0.2), (0.7, 0.8))
            answered(page)
            looked_at(page)
            page.locator("summary").click()
        assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]
        assert violations(page) == []
    assert page.locator("#brief").is_visible() == (size == "phone")


# --- sizes of files, and times ------------------------------------------------------------------


def test_pages_of_default_nets_are_small_and_answer_soon(opened, runtime, tmp_path):
    conv = ConvNetClassifier(max_epochs=1, random_state=0).fit(X, NAMES)
    to_onnx(conv, tmp_path / "fp32.onnx")
    quantize(tmp_path / "fp32.onnx", tmp_path / "int8.onnx", X[:64])
    for name, most in (("int8", 6e6), ("fp32", 8e6)):
        text = offline_page({name: (tmp_path / f"{name}.onnx").read_bytes()}, runtime)
        assert len(text.encode()) <= most
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    page = ready(opened(tmp_path / "page.html"))
    bring(page, picture(TEST[0].reshape(28, 28)))
    start = time.perf_counter()
    for image in TEST[1:11]:
        bring(page, picture(image.reshape(28, 28)))
    # The machine may have other work; an answer takes a tenth of it.
    assert (time.perf_counter() - start) / 10 < 0.5


# --- before a service ---------------------------------------------------------------------------


@contextmanager
def serving(app):
    """Run an app on a free port of the loopback; yield its address."""
    uvicorn = pytest.importorskip("uvicorn")
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.mark.parametrize("key", [None, "secret"])
def test_a_service_and_a_file_show_the_same(key, page, browser, contents, tmp_path, monkeypatch):
    if key is None:
        monkeypatch.delenv("SKFASHION_API_KEY", raising=False)
    else:
        monkeypatch.setenv("SKFASHION_API_KEY", key)
    paths = {name: tmp_path / f"{name}.onnx" for name in contents}
    for name, path in paths.items():
        path.write_bytes(contents[name])
    content = picture(RANDOM.integers(0, 256, (90, 140, 3), np.uint8))
    bring(page, content)
    looked_at(page)
    with serving(create_app(paths)) as address:
        context = browser.new_context()
        other = context.new_page()
        asked, troubles = [], []
        other.on("request", lambda request: asked.append(request.url))
        other.on("pageerror", lambda error: troubles.append(str(error)))
        other.on("console", lambda m: troubles.append(m.text) if m.type == "error" else None)
        other.goto(address)
        if key is None:
            other.wait_for_selector("body[data-ready]")
        bring(other, content, waits=key is None)
        if key is not None:
            other.get_by_label("Key of this service").fill(key)
            other.get_by_role("button", name="Use it").click()
            answered(other)
        looked_at(other)
        for name in contents:
            np.testing.assert_allclose(shown(other, name), shown(page, name), atol=TOLERANCE)
            for what in (".answer", ".legend", "figcaption >> nth=0", ".neighbors"):
                texts = [card(one, name).locator(what).inner_text() for one in (other, page)]
                assert texts[0] == texts[1]
        context.close()
    assert all(url.startswith((address, "data:", "blob:")) for url in asked)
    assert [text for text in troubles if "401" not in text] == []


def test_a_policy_with_a_nonce_lets_the_page_run(browser):
    fastapi = pytest.importorskip("fastapi")
    app = fastapi.FastAPI()
    card = {"name": "m", "classes": [1, 2], "image_shape": [1, 8, 8], "has_examples": False}

    @app.get("/")
    def index():
        headers = {"Content-Security-Policy": policy("abc")}
        return fastapi.responses.HTMLResponse(render([card], nonce="abc"), headers=headers)

    with serving(app) as address:
        page = browser.new_page()
        troubles = []
        page.on("console", lambda m: troubles.append(m.text))
        page.goto(address)
        page.wait_for_selector("body[data-ready]")
        assert page.locator("article.model").count() == 1
        page.close()
    assert troubles == []
