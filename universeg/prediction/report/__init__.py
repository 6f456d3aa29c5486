"""The report of a prediction: report.json, report.html, measurements.csv, and the table on the terminal."""
