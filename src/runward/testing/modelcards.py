"""What every backend does with the cards of versions, and with metrics by group."""

from __future__ import annotations

import os
import pickle

import msgspec
import pytest

from runward.core.etag import tag_of
from runward.core.ids import new_id
from runward.core.operation import matching
from runward.errors import EditedMeanwhileError, ForbiddenError, InvalidError, NotFoundError
from runward.registry.api import Registry
from runward.registry.cards import FIELDS
from runward.registry.model import NewVersion
from runward.review.model import NewReview, ReviewDetail, ReviewState, Standards, Verdict
from runward.testing.data import read_by, store
from runward.testing.modelversions import WEIGHTS, ModelOfFiles, Wicked
from runward.testing.worlds import World, name_of
from runward.tracking.model import NewArtifact, NewProject
from runward.tracking.slices import slices
from runward.tracking.slices_model import SLICES_TYPE

ANSWERS = {
    "summary": "Tells digits apart.",
    "intended_use": "Sorting letters by postcode, by post offices.",
    "training_data": "MNIST.",
    "evaluation": "On 10,000 images that were not trained on.",
    "limitations": "Sevens with a bar, as they are written in Europe.",
    "ethical_considerations": "A wrong digit delays a letter.",
    "owner": "Ada, ada@example.org",
    "licence": "Apache-2.0",
    "task": "image-classification",
    "dataset": "MNIST test",
}
"""A complete card."""


class ModelCardsSuite:
    """See :meth:`runward.registry.api.Registry.get_card`."""

    def test_a_card_is_asked_for_and_written_field_by_field(self, world: World, model: ModelOfFiles) -> None:
        """What is empty or still the template's own text is missing."""
        made, registry = model.register({"weights.safetensors": WEIGHTS}), model.space.registry
        required = [field.key for field in FIELDS if field.required]
        empty = registry.get_card(model.name, made.version)
        assert (empty.number, empty.missing, empty.at) == (0, required, None)
        assert registry.card_history(model.name, made.version) == []
        template = {field.key: field.template for field in FIELDS if field.required}
        assert registry.write_card(model.name, made.version, template).missing == required
        found = registry.write_card(model.name, made.version, ANSWERS)
        assert (found.number, found.missing, found.author) == (2, [], name_of(model.space))
        assert found.fields == ANSWERS
        for text in (ANSWERS["limitations"], "weights.safetensors", "acc", made.run_id, "license: apache-2.0"):
            assert text in found.markdown
        detail = world.member("viewer").registry.get_version(model.name, made.version)
        assert (detail.card.number, detail.card.missing) == (2, [])

    def test_a_card_names_the_data_that_its_run_read(self, world: World, model: ModelOfFiles) -> None:
        """As a version that can be put back; not to whoever may not see the dataset."""
        made, space = model.register({"weights.safetensors": WEIGHTS}), model.space
        assert "data `" not in space.registry.get_card(model.name, made.version).markdown
        version = store(space, world.project, "digits", {"a.csv": b"1,2", "b.csv": b"3,4"})
        space.data.set_name(f"{world.project}/digits".replace("/", ":"), "1.0.0", version.digest)
        read_by(space, made.run_id, world.project, b"1,2")
        told = space.registry.get_card(model.name, made.version).markdown
        assert f"- data `{world.project}/digits@{version.digest[:12]}` (1.0.0), 1 file read" in told
        away, owner = f"away-{new_id()}", world.owner
        owner.governance.create_team(away)
        owner.tracking.create_project(NewProject(away, team=away))
        store(owner, away, "theirs", {"c.csv": b"1,2"})
        assert f"`{away}/theirs@" in owner.registry.get_card(model.name, made.version).markdown
        assert space.registry.get_card(model.name, made.version).markdown == told

    def test_every_writing_is_kept(self, model: ModelOfFiles) -> None:
        """With who and what; writing the same again is none, and an empty text takes a field away."""
        made, registry = model.register({}), model.space.registry
        registry.write_card(model.name, made.version, ANSWERS)
        registry.write_card(model.name, made.version, {"limitations": "None was found.", "owner": ""})
        registry.write_card(model.name, made.version, {"limitations": "None was found."})
        changes = registry.card_history(model.name, made.version)
        assert [(change.number, change.author) for change in changes] == [
            (2, name_of(model.space)),
            (1, name_of(model.space)),
        ]
        assert changes[0].changed == ["limitations", "owner"]
        assert registry.get_card(model.name, made.version).missing == ["owner"]
        assert registry.get_card(model.name, made.version, 1).fields == ANSWERS
        with pytest.raises(NotFoundError):
            registry.get_card(model.name, made.version, 9)

    def test_of_two_who_write_at_once_the_later_looks_again(self, model: ModelOfFiles) -> None:
        """If they say what they saw."""
        made, registry = model.register({}), model.space.registry
        seen = matching(registry, tag_of(Registry.get_card, registry.get_card(model.name, made.version)))
        found = seen.write_card(model.name, made.version, {"owner": "Ada"})
        with pytest.raises(EditedMeanwhileError, match=f"changed by {name_of(model.space)} at"):
            seen.write_card(model.name, made.version, {"owner": "Bob"})
        again = matching(registry, tag_of(Registry.get_card, found))
        assert again.write_card(model.name, made.version, {"owner": "Bob"}).fields == {"owner": "Bob"}

    def test_what_is_no_field_is_refused_and_viewers_write_nothing(self, world: World, model: ModelOfFiles) -> None:
        """The error names the fields that there are."""
        made = model.register({})
        with pytest.raises(InvalidError, match="no field 'usage'"):
            model.space.registry.write_card(model.name, made.version, {"usage": "x"})
        with pytest.raises(InvalidError, match="owner"):
            model.space.registry.write_card(model.name, made.version, {"owner": "x" * 30_000})
        with pytest.raises(ForbiddenError):
            world.member("viewer").registry.write_card(model.name, made.version, {"owner": "x"})
        for call in (world.outsider().registry.get_card, world.outsider().registry.card_history):
            with pytest.raises(NotFoundError):
                call(model.name, made.version)
        with pytest.raises(NotFoundError):
            model.space.registry.write_card(model.name, 99, {"owner": "x"})

    def test_a_card_shows_the_metrics_by_group_of_its_run(self, model: ModelOfFiles) -> None:
        """A broken report is passed over."""
        report = slices([1, 0] * 40, [1, 1] * 40, {"site": ["north", "south", "north", "north"] * 20}, log=False)
        run = model.run({})
        for name, data in (("a", msgspec.json.encode(report)), ("b", b"{")):
            digest = model.space.files.put_bytes(run.project, data)
            model.space.tracking.add_artifact(run.id, NewArtifact(f"slices/{name}.json", digest, SLICES_TYPE))
        made = model.space.registry.create_version(model.name, NewVersion(f"runs:/{run.id}/model", run.id))
        markdown = model.space.registry.get_card(model.name, made.version).markdown
        assert "| north | 60 |" in markdown
        assert "| south (small) | 20 |" in markdown


class ModelGatesSuite:
    """What a review asks of the version that is to get an alias."""

    def _asked(self, model: ModelOfFiles, files: dict[str, bytes], fields: dict[str, str]) -> ReviewDetail:
        made = model.register(files)
        model.space.registry.write_card(model.name, made.version, fields)
        new = NewReview(made.run_id, model=model.name, version=made.version, alias="production")
        return model.space.review.request_review(new)

    def test_a_version_that_would_start_programs_is_not_let_in(self, world: World, model: ModelOfFiles) -> None:
        """Whoever approves; a pickle that names nothing dangerous is a warning, and safe formats pass."""
        wicked = self._asked(model, {"m.pkl": pickle.dumps(Wicked())}, ANSWERS)
        (found,) = (check for check in wicked.checks if check.name == "model files")
        assert (found.verdict, found.required) == (Verdict.FAIL, True)
        assert f"{os.system.__module__}.system" in found.evidence[0].message
        world.member("reviewer").review.approve(wicked.review.id)
        assert model.space.registry.get_model(model.name).aliases == {}
        for files, verdict in (
            ({"m.pkl": pickle.dumps([1])}, Verdict.WARN),
            ({"m.safetensors": WEIGHTS}, Verdict.PASS),
        ):
            asked = self._asked(model, files, ANSWERS)
            assert [check.verdict for check in asked.checks if check.name == "model files"] == [verdict]
            after = world.member("reviewer").review.approve(asked.review.id)
            assert after.review.state is ReviewState.APPLIED

    def test_an_unwritten_card_closes_the_gate_where_documentation_is_required(
        self, world: World, model: ModelOfFiles
    ) -> None:
        """Elsewhere it is a warning."""
        lax = self._asked(model, {"m.safetensors": WEIGHTS}, {})
        assert [check.verdict for check in lax.checks if check.name == "model card"] == [Verdict.WARN]
        world.owner.review.set_standards(world.project, Standards(documentation_required=True))
        asked = self._asked(model, {"m.safetensors": WEIGHTS}, {**ANSWERS, "owner": "TODO"})
        assert any("owner" in said for said in asked.missing if said.startswith("model card"))
        model.space.registry.write_card(model.name, asked.review.version, {"owner": "Ada"})
        after = model.space.review.run_checks(asked.review.id)
        assert not any(said.startswith("model card") for said in after.missing)
