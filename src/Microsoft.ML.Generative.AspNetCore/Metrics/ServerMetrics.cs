using System.Diagnostics.Metrics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.AI;
using Microsoft.ML.Generative.AspNetCore.Http;
using Microsoft.ML.Generative.AspNetCore.Models;
using Microsoft.ML.Generative.Runtime;

namespace Microsoft.ML.Generative.AspNetCore.Metrics;

/// <summary>
/// What the server measures, as instruments of System.Diagnostics.Metrics, which OpenTelemetry reads by the meter's name, and as a text.
/// </summary>
internal sealed class ServerMetrics : IDisposable
{
    public const string MeterName = "Microsoft.ML.Generative.AspNetCore";

    private const string NoModel = "none";

    private readonly Meter _meter;
    private readonly Counter<long> _requests;
    private readonly Counter<long> _tokens;
    private readonly UpDownCounter<long> _active;
    private readonly Histogram<double> _duration;
    private readonly Histogram<double> _firstToken;
    private readonly Histogram<double> _speed;
    private readonly PrometheusText _text;

    public ServerMetrics(IMeterFactory factory, ModelRegistry models)
    {
        _meter = factory.Create(MeterName);
        _requests = _meter.CreateCounter<long>("generative_requests", null, "Requests that have ended.");
        _tokens = _meter.CreateCounter<long>("generative_tokens", null, "Tokens of prompts and answers.");
        _active = _meter.CreateUpDownCounter<long>("generative_requests_active", null, "Requests that are worked on or wait.");
        _duration = _meter.CreateHistogram<double>("generative_request_duration_seconds", null, "Time of a request.");
        _firstToken = _meter.CreateHistogram<double>(
            "generative_time_to_first_token_seconds", null, "Time to the first text of an answer.");
        _speed = _meter.CreateHistogram<double>("generative_tokens_per_second", null, "Tokens of an answer in a second of its request.");
        _meter.CreateObservableGauge(
            "generative_texts_running", () => models.Loaded.Select(m => new Measurement<long>(m.Load.Running, Tag("model", m.Name))), null,
            "Texts that are generated, and requests of images and vectors that are worked on.");
        _meter.CreateObservableGauge(
            "generative_texts_waiting", () => models.Loaded.Select(m => new Measurement<long>(m.Load.Waiting, Tag("model", m.Name))), null,
            "Texts that wait for a place, and requests of images and vectors that wait for their turn.");
        _meter.CreateObservableGauge(
            "generative_threads", () => models.Loaded.Take(1).Select(_ => new Measurement<long>(TorchThreads.Now)), null,
            "Threads that libtorch computes with.");
        _text = new PrometheusText(_meter);
    }

    /// <summary>Begins to count.</summary>
    public void Start() => _text.Start();

    public void Enter() => _active.Add(1);

    public void Leave(ServerRequest request, int status)
    {
        _active.Add(-1);
        string model = request.Model?.Name ?? NoModel;
        // Of the route only what was mapped, so that callers cannot make up series.
        string route = (request.Context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? "";
        _requests.Add(1, Tag("route", route), Tag("model", model), Tag("status", status));
        _duration.Record(request.Elapsed.TotalSeconds, Tag("route", route), Tag("model", model));
    }

    /// <summary>Counts the first text of a request; those of its other choices do not count.</summary>
    public void FirstToken(ServerRequest request)
    {
        if (request.TryBeginAnswer())
            _firstToken.Record(request.Elapsed.TotalSeconds, Tag("model", request.Model?.Name ?? NoModel));
    }

    public void Answered(ServerRequest request, UsageDetails? usage)
    {
        string model = request.Model?.Name ?? NoModel;
        _tokens.Add(usage?.InputTokenCount ?? 0, Tag("model", model), Tag("kind", "prompt"));
        if (usage?.OutputTokenCount is not > 0)
            return;
        _tokens.Add(usage.OutputTokenCount.Value, Tag("model", model), Tag("kind", "answer"));
        _speed.Record(usage.OutputTokenCount.Value / Math.Max(request.Elapsed.TotalSeconds, 1e-6), Tag("model", model));
    }

    /// <summary>All values in Prometheus' text format.</summary>
    public string Write() => _text.Write();

    public void Dispose() => _text.Dispose();

    private static KeyValuePair<string, object?> Tag(string name, object? value) => new(name, value);
}
