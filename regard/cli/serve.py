"""`regard serve`: serve a model over HTTP, with a web page."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial

from regard.cli import Parser
from regard.cli.options import add_machine_options, load_model
from regard.cli.search_options import add_ensemble_option

_DESCRIPTION = """\
Serve a model over HTTP, to this machine only unless --host says otherwise: a page at /, an API at /v1
(translate, trace, align, score) described at /openapi.json, /healthz and /metrics. Texts that arrive within a
few milliseconds are translated together. Ctrl-C finishes the pending requests and stops. Needs the extra serve:
pip install 'regard[serve]'."""

_EXAMPLES = """\
examples:
  regard serve runs/demo
  regard serve runs/demo --port 0 --device cuda
  regard serve runs/demo --host 0.0.0.0 --allow-host translate.example.org

  curl http://127.0.0.1:8000/v1/translate -H content-type:application/json \\
    -d '{"text": "die alte frau lacht ."}'
  curl -N http://127.0.0.1:8000/v1/translate -H content-type:application/json \\
    -d '{"text": "die alte frau lacht .", "beam": 1, "stream": true}'
  curl http://127.0.0.1:8000/v1/score -H content-type:application/json \\
    -d '{"source": "die alte frau .", "target": "the old woman ."}'
  curl http://127.0.0.1:8000/healthz"""


def main(arguments: Sequence[str]) -> int:
    """Load a model, and serve it until Ctrl-C."""
    parser = Parser("serve", usage="regard serve MODEL [options]", description=_DESCRIPTION, epilog=_EXAMPLES)
    add = parser.add_argument
    add("model", metavar="MODEL", help="a model folder")
    add(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="address to listen on; 0.0.0.0: every address of this machine (default: 127.0.0.1)",
    )
    add("--port", type=int, default=8000, metavar="N", help="port; 0: any free one (default: 8000)")
    add(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="accept requests to this host name too, as behind a proxy; may be repeated",
    )
    add(
        "--sentence",
        default="",
        metavar="TEXT",
        help="the sentence that the page starts with (default: one from validation)",
    )
    _add_limits(parser)
    add_ensemble_option(add)
    add_machine_options(parser)
    options = parser.parse_args(arguments)

    from regard.serving import Limits, serve
    from regard.serving.server import check_installed

    check_installed()
    from regard.serving.front_page import first_sentence

    limits = Limits(
        num_texts=options.max_texts,
        num_characters=options.max_characters,
        num_tokens=options.max_tokens,
        beam=options.max_beam,
        body_size=options.max_body,
        queue_size=options.queue,
        batch_size=options.batch_size,
        wait_s=options.wait / 1000,
        timeout_s=options.timeout,
    )
    serve(
        load_model(options),
        options.host,
        options.port,
        limits=limits,
        hosts=options.allow_host,
        sentence=options.sentence or first_sentence(options.model),
        tell=partial(print, file=sys.stderr, flush=True),
    )
    return 0


def _add_limits(parser: Parser) -> None:
    from regard.serving.limits import Limits

    add = parser.add_argument_group("limits").add_argument
    defaults = Limits()
    for name, default, meaning in (
        ("--max-texts", defaults.num_texts, "texts in one request"),
        ("--max-characters", defaults.num_characters, "characters in a text"),
        ("--max-tokens", defaults.num_tokens, "tokens in a text"),
        ("--max-beam", defaults.beam, "the largest beam that a request may ask for"),
        ("--max-body", defaults.body_size, "bytes in a request"),
        ("--queue", defaults.queue_size, "texts waiting for the model; requests beyond get 503"),
        ("--batch-size", defaults.batch_size, "texts translated together"),
    ):
        add(name, type=int, default=default, metavar="N", help=f"{meaning} (default: {default})")
    add(
        "--wait",
        type=float,
        default=1000 * defaults.wait_s,
        metavar="MS",
        help=f"milliseconds that an idle server waits for more texts (default: {1000 * defaults.wait_s:g})",
    )
    add(
        "--timeout",
        type=float,
        default=defaults.timeout_s,
        metavar="S",
        help=f"seconds that a request may take (default: {defaults.timeout_s:g})",
    )
