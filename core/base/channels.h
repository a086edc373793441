#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

/// The two ways from the training thread to the window. Never mixed: pictures may be skipped, records may not.
namespace sparsescope {

/// Holds the newest value only. The producer never waits for the consumer.
template <class T>
class Latest {
public:
    void publish(std::shared_ptr<const T> value)
    {
        std::lock_guard lock(m_mutex);
        m_value.swap(value); // the stale value is freed after the lock, when `value` leaves scope
    }
    std::shared_ptr<const T> take()
    {
        std::lock_guard lock(m_mutex);
        return std::exchange(m_value, nullptr);
    }

private:
    std::mutex m_mutex;
    std::shared_ptr<const T> m_value;
};

/// Keeps every record until it is drained.
template <class T>
class RecordQueue {
public:
    void push(T value)
    {
        std::lock_guard lock(m_mutex);
        m_values.push_back(std::move(value));
    }
    std::vector<T> drain()
    {
        std::lock_guard lock(m_mutex);
        return std::exchange(m_values, {});
    }
    std::size_t size() const
    {
        std::lock_guard lock(m_mutex);
        return m_values.size();
    }

private:
    mutable std::mutex m_mutex;
    std::vector<T> m_values;
};

} // namespace sparsescope
