# Arguments on the command line, joblib for the model, a log file with times.
import argparse
import logging

import joblib
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

parser = argparse.ArgumentParser()
parser.add_argument("--hidden", type=int, default=16)
args = parser.parse_args()
logging.basicConfig(filename="train.log", level=logging.INFO, format="%(asctime)s %(process)d %(message)s")
X, y = load_digits(return_X_y=True)
model = MLPClassifier((args.hidden,), max_iter=15, verbose=True).fit(X / 16, y)
logging.info("loss %s", model.loss_)
joblib.dump(model, "model.joblib")
print("loss", model.loss_)
