#ifdef SPARSESCOPE_HAS_KERNELS
#include "kernels/launch/pack_bits/pack_bits.h"
#endif

#include <QtTest>

#include <string>

// What can be said without a card; tests/gpu/tst_ops_cuda.cpp compares the kernel's bits with the CPU's.
class tst_PackBits : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void refusesWhatItCannotTake()
    {
#ifdef SPARSESCOPE_HAS_KERNELS
        dsa::launch::pack_bits::Params params;
        const char *why = nullptr;
        params.batch = 2;
        params.queries = 100;
        params.keys = 100;
        QVERIFY(dsa::launch::pack_bits::supported(params, &why) && why == nullptr);
        params.keys = -1;
        QVERIFY(!dsa::launch::pack_bits::supported(params, &why));
        QCOMPARE(std::string(why), std::string("a size is negative"));
        QCOMPARE(dsa::launch::pack_bits::launch(params, nullptr), cudaErrorInvalidValue);
        params.batch = 1 << 12;
        params.queries = params.keys = 1 << 20;
        QVERIFY(!dsa::launch::pack_bits::supported(params, &why));
        QCOMPARE(std::string(why), std::string("more than 2^31 - 1 tiles of 64 x 64"));
#else
        QSKIP("built without CUDA kernels");
#endif
    }

    void nothingToDoIsNoLaunch()
    {
#ifdef SPARSESCOPE_HAS_KERNELS
        dsa::launch::pack_bits::Params params;
        params.batch = 3;
        params.keys = 64;
        QCOMPARE(dsa::launch::pack_bits::launch(params, nullptr), cudaSuccess);
#else
        QSKIP("built without CUDA kernels");
#endif
    }
};

QTEST_GUILESS_MAIN(tst_PackBits)
#include "tst_pack_bits.moc"
