#pragma once

#include <QString>
#include <QStringList>

class QWidget;

/// Questions to the person. A test answers the next one in advance, so that whole journeys run.
namespace sparsescope::dialogs {

/// What is asked about: something that may be lost, or a choice.
enum class Question { Warning, Choice };
/// Asks with named buttons, the first is the default; returns the index of the pressed one, -1 for closed.
int ask(QWidget *parent, const QString &title, const QString &text, const QStringList &buttons,
        Question question = Question::Warning);
/// An existing folder, or empty.
QString chooseFolder(QWidget *parent, const QString &title, const QString &start);
/// An existing file, or empty.
QString chooseFile(QWidget *parent, const QString &title, const QString &start, const QString &filter);
/// A name for a new file, or empty.
QString chooseNewFile(QWidget *parent, const QString &title, const QString &start, const QString &filter);

/// Each answers one question and is used up: an index of ask(), a path of the others.
void setNextAnswer(int button);
void setNextPath(const QString &path);
/// Texts of the questions asked since the start, for tests.
QStringList asked();

} // namespace sparsescope::dialogs
