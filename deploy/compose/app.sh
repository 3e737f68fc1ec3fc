# An application of which one copy is in charge. It stands for election for as long as this connection to its sidecar lasts, and says what it hears.
while :; do
  curl -sN -X POST "localhost:5625/v1/elections/scheduler/hold?owner=$NAME&value=$NAME" |
    while read -r line; do
      case $line in
        *'"held"'*) echo "$NAME is in charge: $line" ;;
        *) echo "$NAME hears: $line" ;;
      esac
    done
  sleep 1
done
