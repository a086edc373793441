#ifdef SPARSESCOPE_HAS_KERNELS
#include "kernels/launch/index_kl/index_kl.h"
#endif

#include <QtTest>

#include <string>

// What can be said without a card; tests/gpu/tst_loss_kernels_cuda.cpp compares its numbers with the CPU's.
class tst_IndexKl : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void refusesWhatItCannotTake()
    {
#ifdef SPARSESCOPE_HAS_KERNELS
        dsa::launch::index_kl::Params params;
        const char *why = nullptr;
        params.batch = 2;
        params.queries = params.keys = 6000;
        params.heads = 8;
        params.indexHeads = 4;
        QVERIFY(dsa::launch::index_kl::supported(params, &why) && why == nullptr);
        params.keys = 6001;
        QVERIFY(!dsa::launch::index_kl::supported(params, &why));
        QCOMPARE(std::string(why), std::string("more than 6000 keys"));
        QCOMPARE(dsa::launch::index_kl::launch(params, nullptr), cudaErrorInvalidValue);
        params.keys = -1;
        QVERIFY(!dsa::launch::index_kl::supported(params, &why));
        QCOMPARE(std::string(why), std::string("a size is negative"));
        params.keys = 1;
        params.batch = params.queries = std::int64_t{1} << 20;
        QVERIFY(!dsa::launch::index_kl::supported(params, &why));
        QCOMPARE(std::string(why), std::string("more than 2^31 - 1 rows"));
#else
        QSKIP("built without CUDA kernels");
#endif
    }

    void nothingToDoIsNoLaunch()
    {
#ifdef SPARSESCOPE_HAS_KERNELS
        dsa::launch::index_kl::Params params;
        params.batch = 3;
        params.keys = 64;
        QCOMPARE(dsa::launch::index_kl::launch(params, nullptr), cudaSuccess);
#else
        QSKIP("built without CUDA kernels");
#endif
    }
};

QTEST_GUILESS_MAIN(tst_IndexKl)
#include "tst_index_kl.moc"
