using System.Runtime.InteropServices;

namespace Microsoft.ML.Generative.Text.Decoding;

/// <summary>Bias, penalties and watermark: what changes a stream's logits before a token is chosen.</summary>
internal sealed class LogitAdjustments(TextGenerationOptions options, IEnumerable<int> prompt)
{
    private readonly HashSet<int> _seen = options.RepetitionPenalty == 1 ? [] : [.. prompt];
    private readonly Dictionary<int, int> _generated = [];
    private readonly List<int> _last = options.Watermark is { } watermark ? [.. prompt.TakeLast(watermark.ContextWidth)] : [];

    private bool CountsTokens => options.FrequencyPenalty != 0 || options.PresencePenalty != 0;

    public LogitAdjustments(LogitAdjustments other, TextGenerationOptions options)
        : this(options, other._seen)
    {
        _generated = new Dictionary<int, int>(other._generated);
        _last = [.. other._last];
    }

    public void Apply(Span<float> logits)
    {
        foreach ((int token, float bias) in options.LogitBias ?? new Dictionary<int, float>())
            logits[token] += bias;

        float repetition = (float)options.RepetitionPenalty;
        foreach (int token in _seen)
            logits[token] = logits[token] > 0 ? logits[token] / repetition : logits[token] * repetition;

        foreach ((int token, int count) in _generated)
            logits[token] -= (float)(count * options.FrequencyPenalty + options.PresencePenalty);

        options.Watermark?.Apply(CollectionsMarshal.AsSpan(_last), logits, options.Temperature);
    }

    public void Add(int token)
    {
        if (options.RepetitionPenalty != 1)
            _seen.Add(token);
        if (CountsTokens)
            _generated[token] = _generated.GetValueOrDefault(token) + 1;
        if (options.Watermark is not { } watermark)
            return;
        _last.Add(token);
        if (_last.Count > watermark.ContextWidth)
            _last.RemoveAt(0);
    }
}
