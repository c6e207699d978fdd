# A GLM with bootstrapped intervals from numpy's global generator.
import numpy as np
import statsmodels.api as sm

data = sm.datasets.star98.load_pandas()
exog = sm.add_constant(data.exog[["LOWINC", "PERASIAN", "PERBLACK"]])
fit = sm.GLM(data.endog, exog, family=sm.families.Binomial()).fit()
print(fit.params)
draws = []
for _ in range(5):
    take = np.random.randint(0, len(exog), len(exog))
    draws.append(sm.GLM(data.endog.iloc[take], exog.iloc[take], family=sm.families.Binomial()).fit().params.iloc[1])
print("bootstrap", np.std(draws))
