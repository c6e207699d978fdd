"""What three rules ask to be documented, what of it an evidence pack shows, and what the organisation has to add.

The headings are those of Regulation (EU) 2024/1689 (AI Act), Annex IV; Regulation (EU) 2016/679 (GDPR), Article 30(1); and
45 CFR 164.312 (HIPAA, technical safeguards), in short words. A pack is no statement that any of them is met.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Row(NamedTuple):
    """A heading of a rule."""

    ref: str
    heading: str
    files: tuple[str, ...]
    """Parts of the pack that show something of it."""
    shows: str
    """What they show."""
    adds: str
    """What nobody but the organisation can say."""


AI_ACT: Final = (
    Row("1(a)", "Intended purpose, provider, version", ("model.json", "MODEL_CARD.md"),
        "name, versions, aliases with what moved them, the card's intended use",
        "name of the provider, relation to earlier versions on the market"),
    Row("1(b), (d)–(h)", "Interaction, forms on the market, hardware, user interface, instructions for use", ("deployments.json",),
        "targets that each version served, since when", "everything else under these letters"),
    Row("1(c)", "Versions of software and how it is updated", ("environment.json", "pylock.toml"),
        "interpreter, every package with its hash", "firmware, and rules for updates"),
    Row("2(a)", "Methods and steps of development, third-party tools", ("run.json", "code.json", "lineage.json"),
        "command, parameters, commit, packages, the data that went in and what came out", "why these methods were chosen"),
    Row("2(b)", "Design specifications, logic, assumptions, what is optimised", ("MODEL_CARD.md", "run.json"),
        "parameters, seed, what people wrote on the card", "rationale, assumptions about the persons concerned, trade-offs"),
    Row("2(c)", "Architecture and computational resources", ("run.json", "machine.json"),
        "machine, threads, GPUs, time, memory", "the system around the model"),
    Row("2(d)", "Data: provenance, selection, labelling, cleaning", ("lineage.json", "datasets.json", "labels.json"),
        "each dataset version by digest, its dictionary, purposes, legal basis and labels",
        "how data were obtained, selected and labelled, where no dataset says so"),
    Row("2(e)", "Human oversight measures", ("reviews.json",), "who looked at the result before it was used, and what they said",
        "oversight while the system is in use (Art. 14)"),
    Row("2(f)", "Changes that were determined beforehand", (), "", "all of it"),
    Row("2(g)", "Validation and testing, metrics, test logs, signed by those responsible",
        ("gates.json", "verifications.json", "certificates", "run.json"),
        "metrics at full precision, gates, reruns with their verdicts, certificates signed by the workspace's key",
        "test reports dated and signed by responsible persons; measures against bias"),
    Row("2(h)", "Cybersecurity measures", ("environment.json", "access.json"), "packages and licences, who could and did change the model",
        "measures of the system in operation (Art. 15)"),
    Row("3", "Monitoring, capabilities, limits, accuracy for groups of persons", ("MODEL_CARD.md", "run.json"),
        "metrics, slices and limitations as on the card", "foreseeable unintended outcomes, oversight, input specifications"),
    Row("4", "Why the metrics are appropriate", ("MODEL_CARD.md",), "what the card says", "the argument"),
    Row("5", "Risk management system (Art. 9)", (), "", "all of it"),
    Row("6", "Changes through the lifecycle", ("model.json", "access.json"), "each version, each move of an alias, each change of the card",
        "changes of the system around the model"),
    Row("7", "Harmonised standards that were applied", (), "", "all of it"),
    Row("8", "EU declaration of conformity (Art. 47)", (), "", "the declaration"),
    Row("9", "Post-market monitoring (Art. 72)", ("deployments.json",), "which version served where, and alerts", "the monitoring plan"),
)  # fmt: skip
GDPR: Final = (
    Row("30(1)(a)", "Controller, representative, data protection officer", (), "", "names and contact details"),
    Row("30(1)(b)", "Purposes of the processing", ("datasets.json", "run.json", "labels.json", "gates.json", "access.json"),
        "purposes and legal basis of each dataset, the run's purpose, whether they fit, for what people read the data", "the purposes of what the model is used for"),
    Row("30(1)(c)", "Categories of persons and of personal data", ("labels.json", "datasets.json", "scan.json"),
        "labels, columns that hold personal data, what a scan found", "categories of persons concerned"),
    Row("30(1)(d)", "Recipients", ("access.json", "handoffs.json"), "who read what is restricted, to whom versions were handed over",
        "recipients outside of the workspace"),
    Row("30(1)(e)", "Transfers to third countries", (), "", "all of it"),
    Row("30(1)(f)", "Time limits for erasure", ("datasets.json",), "until when each dataset may be read", "limits for everything else"),
    Row("30(1)(g)", "Technical and organisational security measures (Art. 32)", ("roles.json", "access.json", "trail.json"),
        "who has which role where, who did and read what, and whether the trail of that is as it was written",
        "measures outside of Runward"),
)  # fmt: skip
HIPAA: Final = (
    Row("164.312(a)(1)", "Access control", ("roles.json", "access.json", "labels.json"),
        "who may, what is restricted, who read it and for what, who was refused",
        "who decides on access, and its review"),
    Row("164.312(a)(2)(i)", "Unique user identification", ("access.json",), "each event names one member", "how members are identified when they join"),
    Row("164.312(a)(2)(ii)", "Emergency access procedure", (), "", "all of it"),
    Row("164.312(a)(2)(iii)", "Automatic logoff", (), "", "session lengths in force, and workstations"),
    Row("164.312(a)(2)(iv)", "Encryption and decryption", (), "", "whether the workspace is encrypted (runward keys status), and disks"),
    Row("164.312(b)", "Audit controls", ("access.json", "trail.json"), "events on the model, its runs and data; whether the trail is as it was written",
        "who looks at it, and how often"),
    Row("164.312(c)(1), (c)(2)", "Integrity", ("manifest.json", "verifications.json", "trail.json"),
        "digests of files and data, reruns, the trail's chains", "integrity of systems around Runward"),
    Row("164.312(d)", "Person or entity authentication", ("access.json",), "through what each event came: session, token",
        "rules for credentials"),
    Row("164.312(e)", "Transmission security", (), "", "TLS in force at the server and its proxy"),
)  # fmt: skip
RULES: Final = (
    ("EU AI Act, Annex IV (technical documentation)", AI_ACT),
    ("GDPR, Article 30(1) (records of processing)", GDPR),
    ("HIPAA, 45 CFR 164.312 (technical safeguards)", HIPAA),
)
