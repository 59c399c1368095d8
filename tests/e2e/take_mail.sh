#!/bin/bash
# usage: take_mail.sh FILE: a mail server for one connection, on standard input and output (RFC 5321).
# The mail stands in FILE, once it is whole; the commands before it in FILE.commands.
printf '220 test\r\n'
while IFS= read -r line; do
  case $line in
    DATA*)
      printf '354 go on\r\n'
      while IFS= read -r line && [ "$line" != $'.\r' ]; do
        printf '%s\n' "${line%$'\r'}"
      done > "$1.part"
      mv "$1.part" "$1"
      printf '250 taken\r\n'
      ;;
    QUIT*)
      printf '221 bye\r\n'
      exit
      ;;
    *)
      printf '%s\n' "$line" >> "$1.commands"
      printf '250 ok\r\n'
      ;;
  esac
done
