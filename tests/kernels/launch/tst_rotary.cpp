#ifdef SPARSESCOPE_HAS_KERNELS
#include "kernels/launch/rotary/rotary.h"
#endif

#include <QtTest>

#include <string>

// What can be said without a card; tests/gpu/tst_loss_kernels_cuda.cpp compares its numbers with the CPU's.
class tst_RotaryLaunch : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void refusesWhatItCannotTake()
    {
#ifdef SPARSESCOPE_HAS_KERNELS
        dsa::launch::rotary::Params params;
        const char *why = nullptr;
        params.sizes[0] = params.sizes[1] = params.sizes[2] = 16;
        params.width = 32;
        params.pairs = 16;
        QVERIFY(dsa::launch::rotary::supported(params, &why) && why == nullptr);
        params.pairs = 17;
        QVERIFY(!dsa::launch::rotary::supported(params, &why));
        QCOMPARE(std::string(why),
                 std::string("a size is negative, or the width holds fewer than two elements a pair"));
        QCOMPARE(dsa::launch::rotary::launch(params, nullptr), cudaErrorInvalidValue);
        params.pairs = 16;
        params.sizes[0] = params.sizes[1] = std::int64_t{1} << 14;
        QVERIFY(!dsa::launch::rotary::supported(params, &why));
        QCOMPARE(std::string(why), std::string("more than 2^31 - 1 elements"));
#else
        QSKIP("built without CUDA kernels");
#endif
    }

    void nothingToDoIsNoLaunch()
    {
#ifdef SPARSESCOPE_HAS_KERNELS
        dsa::launch::rotary::Params params;
        params.width = 32;
        params.pairs = 16;
        QCOMPARE(dsa::launch::rotary::launch(params, nullptr), cudaSuccess);
#else
        QSKIP("built without CUDA kernels");
#endif
    }
};

QTEST_GUILESS_MAIN(tst_RotaryLaunch)
#include "tst_rotary.moc"
