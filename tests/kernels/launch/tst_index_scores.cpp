#ifdef SPARSESCOPE_HAS_KERNELS
#include "kernels/launch/index_scores/index_scores.h"
#endif

#include <QtTest>

#include <string>

// What can be said without a card; tests/gpu/tst_index_kernels_cuda.cpp compares the scores.
class tst_IndexScores : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void refusesWhatItCannotTake_data()
    {
        QTest::addColumn<int>("heads");
        QTest::addColumn<int>("width");
        QTest::addColumn<bool>("low");
        QTest::addColumn<QString>("reason");
        QTest::addRow("bf16") << 4 << 64 << true << "";
        QTest::addRow("fp32 odd width") << 4 << 63 << false << "";
        QTest::addRow("bf16 odd width") << 4 << 60 << true
                                        << "in low precision the indexer's width must be a multiple of 8, up to 128";
        QTest::addRow("bf16 wide") << 4 << 136 << true
                                   << "in low precision the indexer's width must be a multiple of 8, up to 128";
        QTest::addRow("heads") << 129 << 64 << true << "more than 128 indexer heads";
        QTest::addRow("negative") << -1 << 64 << true << "a size is negative";
    }

    void refusesWhatItCannotTake()
    {
#ifdef SPARSESCOPE_HAS_KERNELS
        namespace scores = dsa::launch::index_scores;
        QFETCH(int, heads);
        QFETCH(int, width);
        QFETCH(bool, low);
        QFETCH(QString, reason);
        scores::Params params;
        params.type = low ? scores::Type::BFloat16 : scores::Type::Float;
        params.batch = 2;
        params.queries = params.keys = 100;
        params.heads = heads;
        params.width = width;
        const char *why = nullptr;
        QCOMPARE(scores::supported(params, &why), reason.isEmpty());
        QCOMPARE(QString(why), reason);
        if (!reason.isEmpty()) {
            QCOMPARE(scores::launch(params, nullptr), cudaErrorInvalidValue);
        }
#else
        QSKIP("built without CUDA kernels");
#endif
    }

    void nothingToDoIsNoLaunch()
    {
#ifdef SPARSESCOPE_HAS_KERNELS
        dsa::launch::index_scores::Params params;
        params.keys = 64;
        QCOMPARE(dsa::launch::index_scores::launch(params, nullptr), cudaSuccess);
#else
        QSKIP("built without CUDA kernels");
#endif
    }
};

QTEST_GUILESS_MAIN(tst_IndexScores)
#include "tst_index_scores.moc"
