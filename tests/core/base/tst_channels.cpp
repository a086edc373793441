#include "core/base/channels.h"

#include <QtTest>

#include <atomic>
#include <thread>

using namespace sparsescope;

class tst_channels : public QObject {
    Q_OBJECT
private slots:
    void theNewestWins()
    {
        Latest<int> latest;
        QVERIFY(!latest.take());
        latest.publish(std::make_shared<const int>(1));
        latest.publish(std::make_shared<const int>(2));
        QCOMPARE(*latest.take(), 2);
        QVERIFY(!latest.take());
    }
    void noRecordIsLostOrReordered()
    {
        constexpr int kCount = 20000;
        RecordQueue<int> queue;
        std::vector<int> received;
        std::atomic<bool> done{false};
        std::thread producer([&] {
            for (int i = 0; i < kCount; ++i)
                queue.push(i);
            done = true;
        });
        while (!done || queue.size() > 0) {
            for (const int value : queue.drain())
                received.push_back(value);
        }
        producer.join();
        QCOMPARE(received.size(), std::size_t(kCount));
        for (int i = 0; i < kCount; ++i)
            QCOMPARE(received[i], i);
    }
    void staleValuesAreFreed()
    {
        Latest<int> latest;
        const auto first = std::make_shared<const int>(1);
        latest.publish(first);
        latest.publish(std::make_shared<const int>(2));
        QCOMPARE(first.use_count(), 1L);
    }
};

QTEST_GUILESS_MAIN(tst_channels)
#include "tst_channels.moc"
