#ifdef SPARSESCOPE_HAS_KERNELS
#include "kernels/launch/masked_attention/masked_attention.h"
#endif

#include <QtTest>

#include <string>

// What can be said without a card; tests/gpu/tst_attention_kernels_cuda.cpp compares outputs and gradients.
class tst_MaskedAttention : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void refusesWhatItCannotTake()
    {
#ifdef SPARSESCOPE_HAS_KERNELS
        namespace attend = dsa::launch::masked_attention;
        attend::Params good;
        good.batch = 2;
        good.heads = 8;
        good.keyHeads = 2;
        good.queries = good.keys = 100;
        good.width = 64;
        good.valueWidth = 40;
        const auto why = [](const attend::Params &params) {
            const char *text = nullptr;
            const bool taken = attend::supported(params, &text);
            return std::string(taken ? "taken" : text);
        };
        QCOMPARE(why(good), std::string("taken"));
        attend::Params bad = good;
        bad.keyHeads = 3;
        QCOMPARE(why(bad), std::string("the key heads do not divide the heads"));
        bad = good;
        bad.width = 136;
        QCOMPARE(why(bad), std::string("the widths of a head must be multiples of 8, up to 128"));
        bad.width = 64;
        bad.valueWidth = 0;
        QCOMPARE(why(bad), std::string("the widths of a head must be multiples of 8, up to 128"));
        bad = good;
        bad.scale = 0;
        QCOMPARE(why(bad), std::string("the scale must be more than 0"));
        bad = good;
        bad.keys = (1 << 19) + 1;
        QCOMPARE(why(bad), std::string("more than 524288 queries or keys"));
        bad.keys = 1 << 19;
        bad.batch = 1 << 20;
        QCOMPARE(why(bad), std::string("more than 2^31 - 1 tiles"));
        bad.batch = -1;
        QCOMPARE(why(bad), std::string("a size is negative"));
        QCOMPARE(attend::launchForward(bad, nullptr), cudaErrorInvalidValue);
        const std::int64_t word = 0;
        good.bits = &word; // the backward wants the same by key
        QCOMPARE(attend::launchBackward(good, nullptr), cudaErrorInvalidValue);
#else
        QSKIP("built without CUDA kernels");
#endif
    }

    void nothingToDoIsNoLaunch()
    {
#ifdef SPARSESCOPE_HAS_KERNELS
        dsa::launch::masked_attention::Params params;
        params.heads = params.keyHeads = 2;
        params.queries = params.keys = 64;
        params.width = params.valueWidth = 64;
        QCOMPARE(dsa::launch::masked_attention::launchForward(params, nullptr), cudaSuccess);
        QCOMPARE(dsa::launch::masked_attention::launchBackward(params, nullptr), cudaSuccess);
#else
        QSKIP("built without CUDA kernels");
#endif
    }
};

QTEST_GUILESS_MAIN(tst_MaskedAttention)
#include "tst_masked_attention.moc"
