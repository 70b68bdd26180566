"""`regard translate`: line n of the output belongs to line n of the input, whatever the lines hold."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import regard
from regard.documents import streams
from tests.cli.shell import Shell, check_refused
from tests.cli.test_main import python
from tests.trained import Trained, known_sentences

SENTENCES = known_sentences(6)
assert len(SENTENCES) == 6


def expected(models: Trained, lines: list[str], **how: int) -> list[str]:
    return [one.text for one in regard.load(models.attention).translate(lines, **how)]


def test_a_line_for_a_line(run: Shell, models: Trained) -> None:
    lines = [SENTENCES[0], "", SENTENCES[1], "   ", "", SENTENCES[2]]
    answer = run("translate", models.attention, stdin="".join(f"{line}\n" for line in lines).encode())
    assert (answer.status, answer.err) == (0, "")
    assert answer.out.split("\n") == [*expected(models, lines[:3]), "   ", *expected(models, lines[4:]), ""]


@pytest.mark.parametrize(
    ("stdin", "lines"),
    [
        (b"", []),
        (b"\n", [""]),
        (b"\n\n\n", ["", "", ""]),
        (f"{SENTENCES[0]}".encode(), SENTENCES[:1]),
        (f"{SENTENCES[0]}\r\n\r\n{SENTENCES[1]}\r\n".encode(), [SENTENCES[0], "", SENTENCES[1]]),
        (f"die\u2028frau\x85lacht\x0b.\n{SENTENCES[1]}\n".encode(), ["die frau lacht .", SENTENCES[1]]),
    ],
    ids=["nothing", "one empty", "three empty", "no line end", "windows", "odd line ends"],
)
def test_lines_end_at_line_feeds_only(run: Shell, models: Trained, stdin: bytes, lines: list[str]) -> None:
    answer = run("translate", models.attention, stdin=stdin)
    assert answer.status == 0
    assert answer.out == "".join(f"{text}\n" for text in expected(models, lines))


def test_several_chunks_are_one_text(run: Shell, models: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = "".join(f"{line}\n" for line in SENTENCES).encode()
    whole = run("translate", models.attention, stdin=stdin).out
    monkeypatch.setattr(streams, "MAX_CHUNK_LINES", 2)
    assert run("translate", models.attention, stdin=stdin).out == whole


def test_jsonl_holds_everything(run: Shell, models: Trained) -> None:
    lines = [SENTENCES[0], "", SENTENCES[1]]
    stdin = "".join(f"{line}\n" for line in lines).encode()
    options = ("--format", "jsonl", "--num-best", 2, "--beam", 3)
    answer = run("translate", models.attention, *options, stdin=stdin)
    records = [json.loads(line) for line in answer.out.splitlines()]
    found = regard.load(models.attention).translate(lines, num_best=2, beam=3)
    for record, one in zip(records, found, strict=True):
        assert (record["source"], record["text"]) == (one.source, one.text)
        assert record["log_probability"] == pytest.approx(one.log_probability)
        assert record["tokens"] == list(one.tokens)
        assert record["source_tokens"] == list(one.source_tokens)
        if one.attention is not None:
            for row, weights in zip(record["attention"], one.attention, strict=True):
                assert row == pytest.approx(weights.tolist(), abs=1e-6)
        texts = [each["text"] for each in record.get("alternatives", ())]
        assert texts == [each.text for each in one.alternatives]
    assert records[1]["text"] == ""
    assert "alternatives" in records[0]


def test_a_fixed_vector_model_writes_no_attention(run: Shell, models: Trained) -> None:
    answer = run("translate", models.fixed_vector, "--format", "jsonl", stdin=(SENTENCES[0] + "\n").encode())
    record = json.loads(answer.out)
    assert record["attention"] is None
    assert record["tokens"]


def test_the_best_stand_between_tabs(run: Shell, models: Trained) -> None:
    stdin = f"{SENTENCES[0]}\n\n".encode()
    first, second = run("translate", models.attention, "--num-best", 3, stdin=stdin).out.splitlines()
    found = regard.load(models.attention).translate(SENTENCES[0], num_best=3)
    assert first.split("\t") == [one.text for one in (found, *found.alternatives)]
    assert second == ""


def test_files_in_place_of_streams(run: Shell, models: Trained, tmp_path: Path) -> None:
    source, target = tmp_path / "in.txt", tmp_path / "out.txt"
    source.write_text("".join(f"{line}\n" for line in SENTENCES), encoding="utf-8")
    target.write_text("from an earlier time")
    answer = run("translate", models.attention, "--input", source, "--output", target)
    assert answer == (0, "", "")
    assert target.read_text(encoding="utf-8").splitlines() == expected(models, SENTENCES)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["in.txt", "out.txt"]


def test_what_is_no_plain_file_is_written_directly(run: Shell, models: Trained) -> None:
    assert run("translate", models.attention, "--output", os.devnull, stdin=b"die frau lacht .\n") == (
        0,
        "",
        "",
    )
    assert not Path(os.devnull).is_file()


def test_an_output_that_fails_leaves_the_old_one(run: Shell, models: Trained, tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    target.write_text("from an earlier time")
    answer = run("translate", models.attention, "--output", target, stdin=b"ja .\nja \xff .\n")
    check_refused(answer, "standard input, line 2: byte 4 is not UTF-8", "iconv")
    assert target.read_text() == "from an earlier time"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--input", "{folder}/missing.txt"], ["missing.txt: no such file"]),
        (["--input", "{folder}"], ["expected a text file", "a folder"]),
        (["--output", "{folder}"], ["is a folder; name a file in it"]),
        (["--output", "{folder}/no/out.txt"], ["there is no folder", "make it first"]),
        (["--language", "german"], ["expected a code of two or three letters", "'german'"]),
        (["--max-length", "-1"], ["max_length: expected 1 or more"]),
        (["--split-sentences", "no"], ["--split-sentences", "never"]),
        (["--resume"], ["expected --input FILE and --output FILE"]),
        (["--input", "a", "--output", "b", "--shards", "2", "--shard-size", "9"], ["one of --shards N"]),
        (["--input", "a", "--output", "b", "--shard", "two"], ["expected K/N such as 2/8, got 'two'"]),
        (["--input", "a", "--output", "b", "--shard", "3/2"], ["expected a shard from 1 to 2, got 3"]),
        (["--input", "a", "--output", "b", "--shards", "0"], ["expected 1 shard or more, got 0"]),
        (["--input", "{model}/format.json", "--output", "{folder}/no/out", "--resume"], ["make it first"]),
        (["--beam", "0"], ["beam 0", "expected"]),
        (["--beam", "x"], ["--beam: invalid int value: 'x'", "--help"]),
        (["--num-best", "3", "--beam", "2"], ["beam 2 cannot give 3 best"]),
        (["--num-best", "0"], ["expected 1 <= num_best"]),
        (["--batch-size", "0"], ["batch_size: expected a number from 1 on, got 0"]),
        (["--length-penalty", "-1"], ["length_penalty: expected 0 or more"]),
        (["--format", "xml"], ["--format", "jsonl"]),
        (["--threads", "-1"], ["--threads: expected a number from 1 on"]),
        (["--device", "cuda:99"], ["'cuda:99' is not available", "use auto, cpu"]),
        (["--device", "toaster"], ["'toaster' is not available"]),
        (["--beem", "3"], ["unrecognized --beem", "--help"]),
    ],
)
def test_mistakes_take_one_line(
    run: Shell, models: Trained, tmp_path: Path, options: list[str], words: list[str]
) -> None:
    options = [option.format(folder=tmp_path, model=models.attention) for option in options]
    check_refused(run("translate", models.attention, *options, stdin=b"die frau lacht .\n"), *words)
    assert list(tmp_path.iterdir()) == []


def test_a_model_there_must_be(run: Shell, tmp_path: Path) -> None:
    check_refused(run("translate"), "required: MODEL")
    check_refused(run("translate", tmp_path / "none"), "no such model folder", "regard train")
    check_refused(run("translate", tmp_path), "not a model folder, it has no format.json")


def test_bytes_that_are_no_text_are_named(run: Shell, models: Trained, tmp_path: Path) -> None:
    source = tmp_path / "latin.txt"
    source.write_bytes("die frau lacht .\nüber\n".encode("latin-1"))
    check_refused(
        run("translate", models.attention, "--input", source), f"{source}, line 2: byte 1 is not UTF-8"
    )


def test_a_line_of_several_sentences(run: Shell, models: Trained) -> None:
    line = f"  {SENTENCES[0]} {SENTENCES[1]}"
    first, second, both = expected(models, [*SENTENCES[:2], line.strip()])
    for options in ([], ["--document"], ["--split-sentences", "always", "--language", "en"]):
        answer = run("translate", models.attention, *options, stdin=f"{line}\n".encode())
        assert answer == (0, f"  {first} {second}\n", "")
    answer = run("translate", models.attention, "--split-sentences", "never", stdin=f"{line}\n".encode())
    assert answer == (0, f"  {both}\n", "")


def test_what_is_too_long_is_named(run: Shell, models: Trained) -> None:
    stdin = b"die frau .\n\n" + b"die frau lacht " * 20
    answer = run("translate", models.attention, "--max-length", 30, stdin=stdin)
    assert answer.status == 0
    assert answer.out.count("\n") == 3
    assert answer.err.startswith(
        "regard translate: standard input, line 3: a sentence of 60 tokens, longer than the 30"
    )
    assert run("translate", models.attention, stdin=stdin).err == ""


def test_markup_comes_out_once(run: Shell, models: Trained) -> None:
    stdin = b"<p>die <b>alte frau</b> lacht {0} .</p>\n<br/>\n"
    first, second = run("translate", models.attention, "--markup", stdin=stdin).out.splitlines()
    assert sorted(re.findall(r"<.*?>|{.*?}", first)) == ["</b>", "</p>", "<b>", "<p>", "{0}"]
    assert second == "<br/>"
    check_refused(run("translate", models.fixed_vector, "--markup", stdin=stdin), "this model has none")


def test_shards_are_joined(run: Shell, models: Trained, tmp_path: Path) -> None:
    source, target = tmp_path / "in.txt", tmp_path / "out.txt.gz"
    source.write_text("".join(f"{line}\n" for line in SENTENCES), encoding="utf-8")
    files = ("--input", source, "--output", target)
    for part, missing in (("3/3", 2), ("1/3", 1)):
        answer = run("translate", models.attention, *files, "--shard", part)
        assert answer == (0, "", f"shard {part} is done; {missing} still missing\n")
    assert [file.name for file in sorted(tmp_path.iterdir())] == ["in.txt", "out.txt.gz.shards"]
    check_refused(run("translate", models.attention, *files, "--shards", 3), "go on with --resume")
    check_refused(run("translate", models.attention, *files, "--shards", 4, "--resume"), "another shards")
    assert run("translate", models.attention, *files, "--shards", 3, "--resume") == (0, "", "")
    assert gzip.decompress(target.read_bytes()).decode().splitlines() == expected(models, SENTENCES)
    assert [file.name for file in sorted(tmp_path.iterdir())] == ["in.txt", "out.txt.gz"]


def test_an_interruption_is_one_line(models: Trained) -> None:
    command = [sys.executable, "-m", "regard", "translate", str(models.attention), "--threads", "1"]
    with subprocess.Popen(command, stdin=-1, stdout=-1, stderr=-1, env=_environment()) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"die frau lacht .\n")
        process.stdin.flush()
        assert process.stdout.readline().endswith(b"\n")  # though more may come
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
        assert process.stderr is not None
        assert process.stderr.read() == b"regard translate: interrupted\n"


@pytest.mark.parametrize("num_lines", [3, 3000])  # what fits into a buffer, and what does not
def test_a_reader_who_leaves_early_is_no_error(models: Trained, tmp_path: Path, num_lines: int) -> None:
    source = tmp_path / "in.txt"
    source.write_text("die frau lacht .\n" * num_lines, encoding="utf-8")
    code = f"import sys; from regard.cli import main; sys.exit(main(['translate', {str(models.attention)!r}, "
    code += f"'--beam', '1', '--format', 'jsonl', '--threads', '1', '--input', {str(source)!r}]))"
    with subprocess.Popen([sys.executable, "-c", code], stdout=-1, stderr=-1, env=_environment()) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        if num_lines > 3:
            assert json.loads(process.stdout.readline())["source"] == "die frau lacht ."
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 0


def test_unknown_words_are_reported_once(
    run: Shell, models: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MAX_CHUNK_LINES", 2)
    stdin = b"die Frau lacht.\n" + f"{SENTENCES[0]}\n".encode() * 3
    told = run("translate", models.attention, stdin=stdin).err
    assert "2 source words unknown to the model, such as 'Frau', 'lacht.'" in told
    assert told.count("\n") == 1
    told = run("translate", models.attention, stdin=stdin + b"Haus\n").err
    assert told.splitlines()[1].startswith("regard translate: 3 source words unknown to the model")
    assert run("translate", models.attention, stdin=f"{SENTENCES[0]}\n".encode()).err == ""
    told = run("translate", models.attention, "--replace-unknown", stdin=stdin).err
    assert told.endswith("(case, spaces before full stops)\n")


def test_a_table_is_reported(run: Shell, models: Trained) -> None:
    line = f"{SENTENCES[0]}\n{SENTENCES[0]}\t{SENTENCES[1]}\n".encode()
    told = run("translate", models.attention, stdin=line).err
    assert "standard input, line 2: a tab, read as a space; if this is a table" in told


def test_output_is_utf_8_whatever_the_terminal(models: Trained, tmp_path: Path) -> None:
    source = tmp_path / "in.txt"
    source.write_text("größe\n", encoding="utf-8")
    options = ["--format", "jsonl", "--threads", "1", "--input", str(source)]
    done = python("-m", "regard", "translate", str(models.attention), *options, PYTHONIOENCODING="latin-1")
    assert json.loads(done.stdout)["source"] == "größe"


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(regard.__file__).parents[1])}
