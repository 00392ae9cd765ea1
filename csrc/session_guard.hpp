// Shared by the session's files.
#pragma once

#include "errors.hpp"
#include "log.hpp"
#include "session.hpp"

#include <cstdint>
#include <string>

namespace pysteer {

inline std::string text(int64_t number) { return std::to_string(number); }

// One user at a time, and llama.cpp's log lines of this call.
class Session::Guard {
  public:
    explicit Guard(Session & session) : session_(session) {
        if (session_.busy_.exchange(true)) {
            throw BusyError("this session is being used by another thread; give each thread a session of its own "
                            "(they may share one model)");
        }
    }
    ~Guard() { session_.busy_ = false; }
    Guard(const Guard &) = delete;
    Guard & operator=(const Guard &) = delete;

  private:
    Session & session_;
    LogScope log_;
};

} // namespace pysteer
