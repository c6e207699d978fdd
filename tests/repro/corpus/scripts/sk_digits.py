# After scikit-learn's "Recognizing hand-written digits".
import time

from sklearn import datasets, metrics, svm
from sklearn.model_selection import train_test_split

start = time.time()
digits = datasets.load_digits()
data = digits.images.reshape((len(digits.images), -1))
clf = svm.SVC(gamma=0.001)
X_train, X_test, y_train, y_test = train_test_split(data, digits.target, test_size=0.5, shuffle=False)
clf.fit(X_train, y_train)
predicted = clf.predict(X_test)
print(f"Classification report for classifier {clf}:\n{metrics.classification_report(y_test, predicted)}\n")
print(f"Confusion matrix:\n{metrics.confusion_matrix(y_test, predicted)}")
print("done in %.3fs" % (time.time() - start))
