using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace Microsoft.ML.Generative.AspNetCore.Metrics;

/// <summary>Collects a meter's instruments and writes them in Prometheus' text format, version 0.0.4.</summary>
internal sealed class PrometheusText : IDisposable
{
    private static readonly double[] _bounds =
        [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500];

    private readonly Lock _lock = new();
    private readonly Dictionary<Instrument, Dictionary<string, Series>> _instruments = [];
    private readonly MeterListener _listener = new();

    public PrometheusText(Meter meter)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter != meter)
                return;
            lock (_lock)
                _instruments[instrument] = [];
            listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Add(instrument, value, tags));
    }

    public void Start() => _listener.Start();

    public string Write()
    {
        _listener.RecordObservableInstruments();
        var text = new StringBuilder();
        lock (_lock)
        {
            foreach ((Instrument instrument, Dictionary<string, Series> all) in _instruments)
            {
                bool isHistogram = instrument is Histogram<double>;
                string name = instrument is Counter<long> ? instrument.Name + "_total" : instrument.Name;
                text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {instrument.Description}\n");
                string type = isHistogram ? "histogram" : instrument is Counter<long> ? "counter" : "gauge";
                text.Append(CultureInfo.InvariantCulture, $"# TYPE {name} {type}\n");
                foreach ((string labels, Series series) in all)
                {
                    if (isHistogram)
                        WriteHistogram(text, name, labels, series);
                    else
                        text.Append(CultureInfo.InvariantCulture, $"{name}{Braced(labels)} {series.Sum}\n");
                }
            }
        }

        return text.ToString();
    }

    public void Dispose() => _listener.Dispose();

    private static void WriteHistogram(StringBuilder text, string name, string labels, Series series)
    {
        string more = labels.Length == 0 ? "" : labels + ",";
        long count = 0;
        for (int i = 0; i < _bounds.Length; i++)
        {
            count += series.Buckets[i];
            text.Append(CultureInfo.InvariantCulture, $"{name}_bucket{{{more}le=\"{_bounds[i]}\"}} {count}\n");
        }

        text.Append(CultureInfo.InvariantCulture, $"{name}_bucket{{{more}le=\"+Inf\"}} {series.Count}\n");
        text.Append(CultureInfo.InvariantCulture, $"{name}_sum{Braced(labels)} {series.Sum}\n");
        text.Append(CultureInfo.InvariantCulture, $"{name}_count{Braced(labels)} {series.Count}\n");
    }

    private void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var labels = new StringBuilder();
        foreach ((string name, object? tag) in tags)
        {
            string text = Convert.ToString(tag, CultureInfo.InvariantCulture) ?? "";
            labels.Append(labels.Length > 0 ? "," : "").Append(name).Append("=\"")
                .Append(text.Replace("\\", @"\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)
                    .Replace("\n", "\\n", StringComparison.Ordinal)).Append('"');
        }

        lock (_lock)
        {
            if (!_instruments.TryGetValue(instrument, out Dictionary<string, Series>? all))
                return;
            string key = labels.ToString();
            if (!all.TryGetValue(key, out Series? series))
                all[key] = series = new Series();
            series.Count++;
            series.Sum = instrument.IsObservable ? value : series.Sum + value;
            int bucket = Array.FindIndex(_bounds, bound => value <= bound);
            if (bucket >= 0)
                series.Buckets[bucket]++;
        }
    }

    private static string Braced(string labels) => labels.Length == 0 ? "" : $"{{{labels}}}";

    private sealed class Series
    {
        public long Count { get; set; }

        public double Sum { get; set; }

        public long[] Buckets { get; } = new long[_bounds.Length];
    }
}
