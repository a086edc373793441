#ifdef SPARSESCOPE_HAS_KERNELS
#include "kernels/launch/gathered_attention/gathered_attention.h"
#endif

#include <QtTest>

#include <string>

// What can be said without a card; tests/gpu/tst_gathered_kernels_cuda.cpp compares outputs and gradients.
class tst_GatheredAttention : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void refusesWhatItCannotTake()
    {
#ifdef SPARSESCOPE_HAS_KERNELS
        namespace gather = dsa::launch::gathered_attention;
        gather::Params good;
        good.queries = 100;
        good.keys = 1000;
        good.heads = 128;
        good.k = 64;
        const auto why = [](const gather::Params &params) {
            const char *text = nullptr;
            gather::supported(params, &text);
            return std::string(text ? text : "taken");
        };
        const std::string best = why(good); // which of the two the card decides
        QVERIFY2(best == "taken" || best == "the gathering kernels run on compute capability 9.0 alone", best.c_str());
        gather::Params bad = good;
        bad.width = 192;
        QCOMPARE(why(bad), std::string("the gathering kernels are for rows 576 wide with 512 values"));
        bad = good;
        bad.valueWidth = 576;
        QCOMPARE(why(bad), std::string("the gathering kernels are for rows 576 wide with 512 values"));
        bad = good;
        bad.scale = -1;
        QCOMPARE(why(bad), std::string("the scale must be more than 0"));
        bad = good;
        bad.queries = (1 << 24) + 1;
        QCOMPARE(why(bad), std::string("more than 2^24 queries or 2^30 keys"));
        bad.queries = 1 << 24;
        bad.heads = 64 * 200;
        QCOMPARE(why(bad), std::string("more than 2^31 - 1 blocks"));
        bad = good;
        bad.k = -1;
        QCOMPARE(why(bad), std::string("a size is negative"));
        QCOMPARE(gather::launchForward(bad, nullptr), cudaErrorInvalidValue);
        QCOMPARE(gather::launchBackward(bad, nullptr), cudaErrorInvalidValue);
#else
        QSKIP("built without CUDA kernels");
#endif
    }
};

QTEST_GUILESS_MAIN(tst_GatheredAttention)
#include "tst_gathered_attention.moc"
