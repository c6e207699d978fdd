"""Share a practice with the run that supports it, and let the next experiment find it."""

import runward as run


def main() -> None:
    with run.start("warm-up study", params={"schedule": "warmup"}) as active:
        run.log_metric("val_loss", 0.21)

    base = run.TeamKnowledgeBase("vision")
    base.share_best_practice(
        "Warm up the learning rate",
        "Raise the learning rate slowly over the first steps: the loss no longer diverges",
        "rate = base * min(1, step / 500)",
        evidence=[active.id],
    )
    for hit in base.search_knowledge("diverging loss"):
        print(f"found: {hit['name']} {hit['tags'][:3]}")
    for advice in base.get_recommendations({"optimizer": "adam", "learning_rate": 0.3}):
        print(f"advice: {advice['name']}\n  because: {advice['reason']}")

    page = run.store_results({"name": "warm-up study", "performance": {"val_loss": 0.21}}, "team_experiments/vision")
    again = run.store_results({"name": "warm-up study", "performance": {"val_loss": 0.21}}, "team_experiments/vision")
    user = run.get_current_user()
    print(f"stored once: {page == again}; by {user} ({'verified' if user.verified else 'not verified'})")


if __name__ == "__main__":
    main()
