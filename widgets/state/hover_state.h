#pragma once

#include <QObject>

#include <cstdint>

namespace sparsescope {

/// What is under the pointer, in whichever view it is. Never part of undo. -1: nothing.
struct Hover {
    std::int64_t step = -1;
    int query = -1, key = -1;
    bool operator==(const Hover &) const = default;
};

class HoverState : public QObject {
    Q_OBJECT

public:
    explicit HoverState(QObject *parent = nullptr)
        : QObject(parent)
    {}

    const Hover &hover() const { return m_hover; }
    void setStep(std::int64_t step) { set({step, m_hover.query, m_hover.key}); }
    void setCell(int query, int key) { set({m_hover.step, query, key}); }
    void clearCell() { setCell(-1, -1); }

Q_SIGNALS:
    void changed();

private:
    void set(const Hover &hover)
    {
        if (hover == m_hover) {
            return;
        }
        m_hover = hover;
        Q_EMIT changed();
    }

    Hover m_hover;
};

} // namespace sparsescope
