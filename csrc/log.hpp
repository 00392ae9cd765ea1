// llama.cpp explains its failures only in its log. Inside a pysteer call the log of this thread is kept, so that the line
// that names the cause can join the error; outside, and in verbose mode, lines go to whoever listened before us.
#pragma once

#include <string>

namespace pysteer {

/// Take over llama.cpp's log callback (once; keeps the former one to forward to).
void install_log();

/// Give the log back to the former callback: called at interpreter exit, when Python callbacks must not run any more.
void detach_log();

/// Forward the lines of pysteer's own calls too.
void set_verbose(bool verbose);

/// Marks "inside a pysteer call" on this thread and forgets older lines.
class LogScope {
  public:
    LogScope();
    ~LogScope();
    LogScope(const LogScope &) = delete;
    LogScope & operator=(const LogScope &) = delete;
};

/// `message`, followed by llama.cpp's first error (or last warning) line of this call, if there was one.
std::string with_log(const std::string & message);

} // namespace pysteer
