# LightGBM reads its text file by itself: Python never opens it.
import lightgbm as lgb

train = lgb.Dataset("data/train.tsv", params={"header": False})
params = {"objective": "binary", "num_leaves": 7, "feature_fraction": 0.8, "metric": "auc", "num_threads": 2}
history = {}
booster = lgb.train(
    params,
    train,
    num_boost_round=10,
    valid_sets=[train],
    callbacks=[lgb.record_evaluation(history), lgb.log_evaluation(5)],
)
print("auc", history["training"]["auc"][-1])
booster.save_model("model.txt")
