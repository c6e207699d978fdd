# statsmodels' first example: its summary prints a date and a time.
import statsmodels.api as sm

data = sm.datasets.longley.load_pandas()
fit = sm.OLS(data.endog, sm.add_constant(data.exog)).fit()
print(fit.summary())
