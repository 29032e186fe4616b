"""Zones of one's own from the command line to the report."""

import json

import pytest

import get_results
import report
import run_squad
import visualize_att_zone
from tests.support import small
from tests.zones.test_sweep import contents as results_in
from zones import masks

ZONES = {"sep": [["any", ["sep", "end"]]], "p2-front": [["passage", ["cls", "question"]]]}


def write(path, zones):
    path.write_text(json.dumps(zones))
    return path


@pytest.fixture(scope="module")
def decoded(small_files, small_model, tmp_path_factory):
    """A folder with single layers, heads and every layer at once of own zones, and of q2."""
    root = tmp_path_factory.mktemp("own")
    zones_file = write(root / "zones.json", ZONES)
    more = dict(do_sweep=True, zones_file=zones_file, prediction_dir=root / "a")
    assert small.run(small_files, small_model, **more) == 0
    more.update(sweep_heads=True, sweep_every=True, sweep_span=2, mask_zone="sep")
    assert small.run(small_files, small_model, **more) == 0
    return root


def run(main, *argv):
    return small.status_of(main, [str(word) for word in argv]) or 0


def test_they_join_the_sweep_and_each_cell_has_its_file(decoded):
    names = set(results_in(decoded / "a")) - {"zones.json"}
    own = {name for name in names if name.endswith(("_sep.json", "_p2-front.json"))}
    assert own == {
        *("predictions_layer%d_%s.json" % (n, zone) for n in (0, 1) for zone in ZONES),
        *("predictions_layer%d_head%d_sep.json" % (n, h) for n in (0, 1) for h in (0, 1)),
        "predictions_layer_sep.json",
        "predictions_layer0-1_sep.json",
    }
    assert len(names) == 2 + 10 + len(own)
    definitions = json.loads((decoded / "a" / "zones.json").read_text())
    assert definitions == {"sep": [[["any"], ["sep", "end"]]], "p2-front": [
        [["passage"], ["cls", "question"]]
    ]}  # fmt: skip


@pytest.mark.parametrize(
    "flags, name",
    [
        (dict(mask_layer=1), "predictions_layer1_sep.json"),
        (dict(mask_layer=1, mask_head=1), "predictions_layer1_head1_sep.json"),
        (dict(mask_layer="0-1"), "predictions_layer0-1_sep.json"),
        (dict(), "predictions_layer_sep.json"),
    ],
)
def test_a_single_cell_gives_the_sweeps_file(
    flags, name, decoded, small_files, small_model, tmp_path
):
    zones_file = write(tmp_path / "z.json", {"other": [["any", "any"]], **ZONES})
    small.run(
        small_files,
        small_model,
        do_predict=True,
        mask_zone="sep",
        zones_file=zones_file,
        prediction_dir=tmp_path / "a",
        **flags,
    )
    assert (tmp_path / "a" / name).read_bytes() == (decoded / "a" / name).read_bytes()


def test_what_is_decoded_is_known_by_its_definition(
    decoded, small_files, small_model, tmp_path, capsys
):
    folder, zones_file = tmp_path / "a", write(tmp_path / "z.json", ZONES)
    more = dict(do_sweep=True, prediction_dir=folder, mask_zone="sep")
    small.run(small_files, small_model, zones_file=zones_file, **more)
    first = results_in(folder)
    capsys.readouterr()
    # The folder knows the zone; the file says the same.
    small.run(small_files, small_model, **more)
    small.run(small_files, small_model, zones_file=zones_file, **more)
    assert capsys.readouterr().err.count("Nothing is left") == 2
    write(zones_file, {"sep": [["any", "sep"]]})
    assert small.run(small_files, small_model, zones_file=zones_file, **more) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert "--zones_file: zone sep is defined otherwise in %s" % (folder / "zones.json") in line
    # Whoever takes the definition away does not get the old zone's answers.
    (folder / "zones.json").unlink()
    small.run(small_files, small_model, zones_file=zones_file, **more)
    assert "2 cells" in capsys.readouterr().err
    assert results_in(folder).keys() == first.keys()
    assert results_in(folder) != first


@pytest.mark.parametrize(
    "flags, part",
    [
        (dict(do_sweep=True, mask_zone="seb"), "there is no zone 'seb'; choose from all, q2,"),
        (dict(do_train=True), "--zones_file masks at decoding"),
        (dict(do_sweep=True, zones_file="/nowhere.json"), "--zones_file: there is no file"),
    ],
)
def test_refusals(flags, part, small_files, small_model, tmp_path, capsys):
    flags = dict(dict(zones_file=write(tmp_path / "z.json", ZONES)), **flags)
    flags["prediction_dir"] = tmp_path / "a"
    assert small.run(small_files, small_model, **flags) == 2
    assert part in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "a").exists()


def test_tables_figures_and_report_take_them(decoded, small_files, tmp_path, capsys):
    folder, table = decoded / "a", tmp_path / "results.csv"
    argv = [folder, table, "--data-file", small_files.data, "--baseline"]
    assert run(get_results.main, *argv, folder / "predictions.json") == 0
    assert "single layers of sep,p2-front: --zones=sep,p2-front" in capsys.readouterr().out
    assert table.read_text().splitlines()[0] == "layer,all,q2,q2p,p2q,p2"
    argv.append(folder / "predictions.json")
    assert run(get_results.main, *argv, "--zones=sep,p2-front") == 0
    assert table.read_text().splitlines()[0] == "layer,all,q2,q2p,p2q,p2,sep,p2-front"
    for ending, more in (("", []), ("_heads", []), ("_spans", []), ("_every", [])):
        path = tmp_path / ("results%s.csv" % ending)
        figure = tmp_path / ("map%s.svg" % ending)
        assert "sep" in path.read_text()
        for baseline in (75, folder, str(path).replace(".csv", "_significance.csv")):
            assert run(visualize_att_zone.main, path, baseline, figure, *more) == 0, baseline
        assert "SEP" in figure.read_text()
    page = tmp_path / "report.html"
    assert run(report.main, folder, small_files.data, page) == 0
    assert "Any cannot read sep, end." in page.read_text()
    assert "SEP masked in layer 1, head 2" in page.read_text()


def test_a_folder_of_own_zones_only_gives_a_map(small_files, small_model, tmp_path, capsys):
    more = dict(do_sweep=True, mask_zone="sep", prediction_dir=tmp_path / "a")
    small.run(small_files, small_model, zones_file=write(tmp_path / "z.json", ZONES), **more)
    argv = [tmp_path / "a", tmp_path / "results.csv", "--data-file", small_files.data]
    capsys.readouterr()
    assert run(get_results.main, *argv) == 0
    out = capsys.readouterr().out
    assert "of these zones no single layer was decoded" in out and "--zones=sep" in out
    assert run(get_results.main, *argv, "--zones=sep") == 0
    lines = (tmp_path / "results.csv").read_text().splitlines()
    assert lines[0].endswith(",sep") and lines[1].startswith("1,,,,,,")
    assert run(visualize_att_zone.main, argv[1], argv[0], tmp_path / "map.svg") == 0
    # The table goes with its results.json, which says what the zone is.
    (tmp_path / "results.json").unlink()
    masks.define_own({})
    assert run(visualize_att_zone.main, argv[1], 50, tmp_path / "map.svg") == 2


def test_two_runs_of_other_zones_of_one_name_are_refused(decoded, small_files, tmp_path, capsys):
    other = tmp_path / "b"
    other.mkdir()
    for name, content in results_in(decoded / "a").items():
        (other / name).write_bytes(content)
    write(other / "zones.json", {"sep": [["cls", "sep"]]})
    argv = [decoded / "a", other, tmp_path / "x.csv", "--data-file", small_files.data]
    assert run(get_results.main, *argv) == 2
    assert "zone sep is defined otherwise" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.slow
def test_in_a_cluster_they_are_the_same(decoded, small_files, small_model, tmp_path):
    pytest.importorskip("ray")
    process = small.start_sweep(
        small_files,
        small_model,
        tmp_path / "a",
        zones_file=decoded / "zones.json",
        ray_address="local",
        ray_workers=2,
    )
    said = process.communicate()[1]
    assert process.returncode == 0, said
    here = results_in(decoded / "a")
    for name, content in results_in(tmp_path / "a").items():
        assert content == here[name], name


def test_run_squad_says_what_a_file_of_zones_is(capsys):
    run_squad.main(["--help"])
    assert "--zones_file" in capsys.readouterr().out
