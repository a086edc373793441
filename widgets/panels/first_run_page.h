#pragma once

#include <QLabel>
#include <QWidget>

namespace sparsescope {

/// What a person sees before there is any run: three ways to begin.
class FirstRunPage : public QWidget {
    Q_OBJECT

public:
    explicit FirstRunPage(QWidget *parent = nullptr);

    /// A notice that there is no CUDA device; hidden otherwise.
    void setCpuOnly(bool cpuOnly);
    /// One line about the demo's size: "2 layers, L = 64".
    void setDemoSize(const QString &words);

Q_SIGNALS:
    void demoRequested();
    void presetRequested();
    void openRequested();

private:
    QWidget *m_notice;
    QLabel *m_demoSize;
};

} // namespace sparsescope
