#ifdef SPARSESCOPE_HAS_KERNELS
#include "kernels/launch/rms_norm/rms_norm.h"
#endif

#include <QtTest>

#include <string>

// What can be said without a card; tests/gpu/tst_layer_kernels_cuda.cpp compares its numbers with the CPU's.
class tst_RmsNorm : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void refusesWhatItCannotTake()
    {
#ifdef SPARSESCOPE_HAS_KERNELS
        namespace launcher = dsa::launch::rms_norm;
        launcher::Params params;
        const char *why = nullptr;
        params.rows = 16384;
        params.width = 256;
        QVERIFY(launcher::supported(params, &why) && why == nullptr);
        params.width = 1028;
        QVERIFY(!launcher::supported(params, &why));
        QCOMPARE(std::string(why), std::string("the width must be a multiple of 4, up to 1024"));
        QCOMPARE(launcher::launchForward(params, nullptr), cudaErrorInvalidValue);
        QCOMPARE(launcher::launchBackward(params, nullptr), cudaErrorInvalidValue);
        params.width = 0;
        QVERIFY(!launcher::supported(params, &why));
        QCOMPARE(std::string(why), std::string("a size is negative, or rows have no width"));
        params.width = 256;
        params.rows = 0;
        QCOMPARE(launcher::launchForward(params, nullptr), cudaSuccess);
#else
        QSKIP("built without CUDA kernels");
#endif
    }
};

QTEST_GUILESS_MAIN(tst_RmsNorm)
#include "tst_rms_norm.moc"
