#pragma once

#include <QMetaObject>
#include <QObject>
#include <QString>

#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

namespace sparsescope {

/// One background thread that answers requests; a request that has not begun is replaced by a newer one, so the answer
/// on screen is never older than one computation. Answers arrive on the thread of `context`, in order.
/// A member of `context`: it stops and joins before the context dies, and answers still on their way are dropped.
template <class Request, class Answer>
class NewestWorker {
public:
    using Compute = std::function<Answer(const Request &)>;
    using Deliver = std::function<void(std::shared_ptr<const Answer>)>;
    using Fail = std::function<void(const QString &)>;

    NewestWorker(QObject *context, Compute compute, Deliver deliver, Fail fail)
        : m_context(context)
        , m_compute(std::move(compute))
        , m_deliver(std::move(deliver))
        , m_fail(std::move(fail))
        , m_thread([this](std::stop_token stop) { run(stop); })
    {}

    void request(Request request)
    {
        {
            std::lock_guard lock(m_mutex);
            m_pending = std::move(request);
        }
        m_wake.notify_one();
    }

private:
    void run(std::stop_token stop)
    {
        while (true) {
            std::optional<Request> request;
            {
                std::unique_lock lock(m_mutex);
                if (!m_wake.wait(lock, stop, [this] { return m_pending.has_value(); })) {
                    return;
                }
                request.swap(m_pending);
            }
            answer(*request);
        }
    }

    /// Whatever happens becomes exactly one answer or one failure.
    void answer(const Request &request)
    {
        try {
            auto answer = std::make_shared<const Answer>(m_compute(request));
            QMetaObject::invokeMethod(
                m_context, [deliver = m_deliver, answer] { deliver(answer); }, Qt::QueuedConnection);
        } catch (const std::exception &failure) {
            const QString reason = QString::fromUtf8(failure.what());
            QMetaObject::invokeMethod(
                m_context, [fail = m_fail, reason] { fail(reason); }, Qt::QueuedConnection);
        }
    }

    QObject *m_context;
    Compute m_compute;
    Deliver m_deliver;
    Fail m_fail;
    std::mutex m_mutex;
    std::condition_variable_any m_wake;
    std::optional<Request> m_pending;
    std::jthread m_thread; // last: it stops and joins before anything it uses dies
};

} // namespace sparsescope
