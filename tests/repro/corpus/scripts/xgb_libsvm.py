# XGBoost with its own reader of LIBSVM text.
import xgboost as xgb

train = xgb.DMatrix("data/train.libsvm?format=libsvm")
booster = xgb.train({"objective": "binary:logistic", "max_depth": 3, "subsample": 0.7}, train, num_boost_round=8)
print(booster.eval(train))
booster.save_model("model.json")
