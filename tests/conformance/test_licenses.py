from runward.testing.licenses import LicensesSuite


class TestLicenses(LicensesSuite):
    pass
