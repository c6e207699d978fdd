# scikit-learn with the charts of wandb.plot.
import wandb
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

iris = load_iris()
X_train, X_test, y_train, y_test = train_test_split(iris.data, iris.target, test_size=0.3, random_state=0)
model = RandomForestClassifier(n_estimators=10, random_state=0)
model.fit(X_train, y_train)
model_params = model.get_params()

wandb.init(project="my-scikit-integration", config=model_params)
wandb.config.update({"test_size": 0.3, "train_len": len(X_train), "test_len": len(X_test)})

y_pred = model.predict(X_test)
y_probas = model.predict_proba(X_test)
labels = list(iris.target_names)
wandb.log(
    {
        "accuracy": model.score(X_test, y_test),
        "roc": wandb.plot.roc_curve(y_test, y_probas, labels=labels),
        "pr": wandb.plot.pr_curve(y_test, y_probas, labels=labels),
        "conf_mat": wandb.plot.confusion_matrix(y_true=y_test.tolist(), preds=y_pred.tolist(), class_names=labels),
    }
)
table = wandb.Table(
    data=[list(pair) for pair in zip(iris.feature_names, model.feature_importances_)], columns=["feature", "importance"]
)
wandb.log({"feature_importance": wandb.plot.bar(table, "feature", "importance", title="Feature importance")})
wandb.finish()
