"""The weights as blocks: reached in one click from where they work, read cell by cell, followed."""

import pytest
from playwright.sync_api import expect

from mha_core import run
from mha_core.figures.to_bytes import run_id
from mha_core.parameters import parameter_trace
from tests.browser.driver import SENTENCE, TUTORIAL, said, same, shown_value, some_cells

pytestmark = pytest.mark.browser


def weights_drawn(here, config):
    """Wait until the weights of these settings are painted and the page is at rest."""
    here.wait("shown.root.dataset.run === given && shown.root.isConnected", f"{run_id(config)}-0-weights")
    here.at_rest()


def test_one_click_leads_from_the_projection_to_its_weights_and_back_to_the_run(visit):
    here = visit(stage="qkv")
    here.drawn(SENTENCE)
    here.key("see-weights").click()
    weights_drawn(here, SENTENCE)
    assert here.page.url.split("?")[0].endswith("/weights")
    expect(here.main.get_by_text("Head 1, same word.")).to_be_visible()
    here.key("block.q_weight").click()
    expect(here.heading).to_contain_text("q_weight")
    here.page.get_by_role("link", name="Walkthrough").click()
    here.drawn(SENTENCE)
    assert here.main.get_by_test_id("stAlert").count() == 0


@pytest.mark.parametrize(
    ("config", "asked"),
    [
        pytest.param(SENTENCE, {}, id="planted"),
        pytest.param(
            SENTENCE.but(layout="stacked", weights="initial"),
            {"preset": "sentence", "layout": "stacked", "weights": "initial"},
            id="fresh",
        ),
        pytest.param(TUTORIAL, {"preset": "tutorial"}, id="larger than is sent at once"),
    ],
)
def test_every_weight_that_is_pointed_at_is_the_layers_own(visit, config, asked):
    trace = parameter_trace(config, run(config).parameters)
    here = visit("/weights", **asked)
    weights_drawn(here, config)
    for name in ("k_weight", "qkv_bias", "out_weight"):
        here.key(f"block.{name}").click()
        here.wait("shown.open === given", name)
        here.at_rest()
        cells = [*some_cells(trace[name].shape)] if config is not TUTORIAL else [(0,) * trace[name].ndim]
        for cell in cells:
            found, index, value = said(here.hover(name, cell))
            assert (found, index) == (name, cell)
            assert same(value, shown_value(trace[name], cell))
        here.root.get_by_role("link", name="Overview", exact=True).click()
        here.wait("!shown.open")


def test_a_weight_is_followed_to_the_row_that_it_stands_in(visit):
    here = visit("/weights", stage="q_weight")
    weights_drawn(here, SENTENCE)
    here.follow("q_weight", (0, 0, 2, 22))
    expect(here.root.get_by_text("qkv_weight[0, 2, 22]").first).to_be_visible()
    assert here.address["cell"] == "q_weight.0.0.2.22"
    here.paint("head")
    here.wait("shown.view.paint === 'head'")
    assert "cell" in here.address
