#ifdef SPARSESCOPE_HAS_KERNELS
#include "kernels/launch/experts/experts.h"
#endif

#include <QtTest>

#include <string>

// What can be said without a card; tests/gpu/tst_expert_kernels_cuda.cpp compares its numbers with the CPU's.
class tst_Experts : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void refusesWhatItCannotTake()
    {
#ifdef SPARSESCOPE_HAS_KERNELS
        namespace launcher = dsa::launch::experts;
        launcher::RouteParams params;
        const char *why = nullptr;
        params.tokens = 16384;
        params.count = 64;
        params.chosen = 8;
        QVERIFY(launcher::supported(params, &why) && why == nullptr);
        params.count = 65;
        QVERIFY(!launcher::supported(params, &why));
        QCOMPARE(std::string(why), std::string("more than 64 experts, or more than 16 a token"));
        QCOMPARE(launcher::launchRoute(params, nullptr), cudaErrorInvalidValue);
        QCOMPARE(launcher::launchRouteBackward(params, nullptr), cudaErrorInvalidValue);
        params.count = 4;
        QVERIFY(!launcher::supported(params, &why));
        QCOMPARE(std::string(why), std::string("a size is negative, or more experts are chosen than there are"));
        launcher::RowsParams rows;
        rows.tokens = rows.chosen = 2;
        rows.width = 12;
        QCOMPARE(launcher::launchSpread(rows, nullptr), cudaErrorInvalidValue);
        QCOMPARE(launcher::launchSum(rows, nullptr), cudaErrorInvalidValue);
        launcher::GatedParams gated;
        gated.rows = 1;
        gated.width = 4;
        QCOMPARE(launcher::launchGated(gated, nullptr), cudaErrorInvalidValue);
        QCOMPARE(launcher::launchGatedBackward(gated, nullptr), cudaErrorInvalidValue);
#else
        QSKIP("built without CUDA kernels");
#endif
    }
};

QTEST_GUILESS_MAIN(tst_Experts)
#include "tst_experts.moc"
