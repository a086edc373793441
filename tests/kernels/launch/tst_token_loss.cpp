#ifdef SPARSESCOPE_HAS_KERNELS
#include "kernels/launch/token_loss/token_loss.h"
#endif

#include <QtTest>

#include <string>

// What can be said without a card; tests/gpu/tst_loss_kernels_cuda.cpp compares its numbers with the CPU's.
class tst_TokenLoss : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void refusesWhatItCannotTake()
    {
#ifdef SPARSESCOPE_HAS_KERNELS
        namespace launcher = dsa::launch::token_loss;
        launcher::Params params;
        const char *why = nullptr;
        params.rows = 4096;
        params.kinds = params.stride = 49152;
        QVERIFY(launcher::supported(params, &why) && why == nullptr);
        params.kinds = 0;
        QVERIFY(!launcher::supported(params, &why));
        QCOMPARE(std::string(why), std::string("a size is negative, or there are no token kinds"));
        QCOMPARE(launcher::launch(params, nullptr), cudaErrorInvalidValue);
        QCOMPARE(launcher::launchScale(params, nullptr), cudaErrorInvalidValue);
        params.kinds = 1;
        params.rows = std::int64_t{1} << 31;
        QVERIFY(!launcher::supported(params, &why));
        QCOMPARE(std::string(why), std::string("more than 2^31 - 1 rows"));
#else
        QSKIP("built without CUDA kernels");
#endif
    }

    void nothingToDoIsNoLaunch()
    {
#ifdef SPARSESCOPE_HAS_KERNELS
        dsa::launch::token_loss::Params params;
        params.kinds = 257;
        QCOMPARE(dsa::launch::token_loss::launch(params, nullptr), cudaSuccess);
        QCOMPARE(dsa::launch::token_loss::launchScale(params, nullptr), cudaSuccess);
#else
        QSKIP("built without CUDA kernels");
#endif
    }
};

QTEST_GUILESS_MAIN(tst_TokenLoss)
#include "tst_token_loss.moc"
