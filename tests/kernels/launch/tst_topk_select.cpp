#ifdef SPARSESCOPE_HAS_KERNELS
#include "kernels/launch/topk_select/topk_select.h"
#endif

#include <QtTest>

#include <string>

// What can be said without a card; tests/gpu/tst_index_kernels_cuda.cpp compares the selections.
class tst_TopkSelect : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void refusesWhatItCannotTake()
    {
#ifdef SPARSESCOPE_HAS_KERNELS
        namespace select = dsa::launch::topk_select;
        select::Params params;
        const char *why = nullptr;
        params.batch = 2;
        params.queries = params.rows = 100;
        params.keys = 1 << 19;
        params.k = 5;
        QVERIFY(select::supported(params, &why) && why == nullptr);
        params.keys += 1;
        QVERIFY(!select::supported(params, &why));
        QCOMPARE(std::string(why), std::string("rows of more than 524288 keys"));
        QCOMPARE(select::launch(params, nullptr), cudaErrorInvalidValue);
        QCOMPARE(select::launchTranspose(params, nullptr), cudaErrorInvalidValue);
        params.keys = 64;
        params.batch = params.queries = 1 << 20;
        QVERIFY(!select::supported(params, &why));
        QCOMPARE(std::string(why), std::string("more than 2^31 - 1 blocks"));
        params.batch = -1;
        QVERIFY(!select::supported(params, &why));
        QCOMPARE(std::string(why), std::string("a size is negative"));
#else
        QSKIP("built without CUDA kernels");
#endif
    }

    void nothingToDoIsNoLaunch()
    {
#ifdef SPARSESCOPE_HAS_KERNELS
        dsa::launch::topk_select::Params params;
        params.batch = 3;
        params.keys = 64;
        QCOMPARE(dsa::launch::topk_select::launch(params, nullptr), cudaSuccess);
        QCOMPARE(dsa::launch::topk_select::launchTranspose(params, nullptr), cudaSuccess);
#else
        QSKIP("built without CUDA kernels");
#endif
    }
};

QTEST_GUILESS_MAIN(tst_TopkSelect)
#include "tst_topk_select.moc"
