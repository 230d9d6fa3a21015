#pragma once

#include <cerrno>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace leader {

/// An expected failure as a value. The message names the thing, the value and, where there is something to
/// do, what to do; it is one line without a full stop.
struct Error {
    std::string message;

    /// "WHAT: text of the errno value".
    static Error fromErrno(const std::string& what, int error = errno);
};

/// Either a value or the Error that prevented it. Operations without a value return std::optional<Error>,
/// empty on success.
template <typename T>
class [[nodiscard]] Result {
  public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    bool ok() const { return state_.index() == 0; }
    explicit operator bool() const { return ok(); }

    T& value() { return std::get<0>(state_); }
    const T& value() const { return std::get<0>(state_); }
    T& operator*() { return value(); }
    const T& operator*() const { return value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }

    const Error& error() const { return std::get<1>(state_); }

  private:
    std::variant<T, Error> state_;
};

}  // namespace leader
