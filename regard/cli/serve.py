"""`regard serve`: a model over HTTP, with a page to look at."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial

from regard.cli import Parser
from regard.cli.options import add_ensemble_option, add_machine_options, load_model

_DESCRIPTION = """\
Serve a model over HTTP, on this machine only unless --host says otherwise: a page at /, an API at /v1 (translate,
trace, align, score), its description at /openapi.json, /healthz and /metrics. Texts that come within a few
milliseconds are translated together. Ctrl-C finishes what is in flight and stops."""

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
    """Parse, load, serve."""
    parser = Parser("serve", description=_DESCRIPTION, epilog=_EXAMPLES)
    add = parser.add_argument
    add("model", metavar="MODEL", help="a model folder")
    add("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0: every one (default: 127.0.0.1)")
    add("--port", type=int, default=8000, help="0: any that is free (default: 8000)")
    add(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a further name that requests may be sent to, as behind a proxy; may be repeated",
    )
    add("--sentence", default="", help="what the page begins with (default: a validation sentence)")
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
    usual = Limits()
    for name, default, what in (
        ("--max-texts", usual.num_texts, "texts in one request"),
        ("--max-characters", usual.num_characters, "characters of a text"),
        ("--max-tokens", usual.num_tokens, "tokens of a text"),
        ("--max-beam", usual.beam, "the widest beam that may be asked for"),
        ("--max-body", usual.body_size, "bytes of a request"),
        ("--queue", usual.queue_size, "texts that may wait; who comes then gets 503"),
        ("--batch-size", usual.batch_size, "texts translated together"),
    ):
        add(name, type=int, default=default, metavar="N", help=f"{what} (default: {default})")
    add(
        "--wait",
        type=float,
        default=1000 * usual.wait_s,
        metavar="MS",
        help=f"milliseconds that an idle server waits for texts to come together (default: {1000 * usual.wait_s:g})",
    )
    add(
        "--timeout",
        type=float,
        default=usual.timeout_s,
        metavar="S",
        help=f"seconds that a request may take (default: {usual.timeout_s:g})",
    )
