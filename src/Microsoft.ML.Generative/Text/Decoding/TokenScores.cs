using System.Collections.Concurrent;
using System.Numerics.Tensors;
using System.Text;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Text.Decoding;

/// <summary>Receives how probable the tokens of a text were, before bias, penalties and filters.</summary>
/// <param name="top">The number of the most probable tokens at each place, at least 0.</param>
internal sealed class TokenScores(int top)
{
    private readonly ConcurrentQueue<TokenScore> _scores = [];
    private float[] _logits = [];

    /// <summary>Remembers the logits of the next token before they are changed.</summary>
    public void Take(ReadOnlySpan<float> logits)
    {
        if (_logits.Length != logits.Length)
            _logits = new float[logits.Length];
        logits.CopyTo(_logits);
    }

    /// <summary>Adds the token that was chosen.</summary>
    public void Add(int token, TextCodec codec)
    {
        float highest = TensorPrimitives.Max<float>(_logits);
        double sum = 0;
        foreach (float logit in _logits)
            sum += Math.Exp(logit - highest);
        double normalizer = highest + Math.Log(sum);
        IEnumerable<int> best = top == 0 ? [] : Enumerable.Range(0, _logits.Length).OrderByDescending(i => _logits[i]).Take(top);
        _scores.Enqueue(Score(token) with { Top = [.. best.Select(Score)] });

        TokenScore Score(int id) => new(BytesOf(id, codec), _logits[id] - normalizer, []);
    }

    /// <summary>The tokens since the last call.</summary>
    public IReadOnlyList<TokenScore> Drain()
    {
        List<TokenScore> drained = [];
        while (_scores.TryDequeue(out TokenScore? score))
            drained.Add(score);
        return drained;
    }

    private static byte[] BytesOf(int id, TextCodec codec) => codec.Tokenizer is GenerativeTokenizer own
        ? own.Decoder.BytesOf(id, first: false)
        : Encoding.UTF8.GetBytes(codec.Tokenizer.Decode([id]));
}

/// <summary>How probable a token was.</summary>
/// <param name="Bytes">The bytes of its text.</param>
/// <param name="LogProbability">The natural logarithm of its probability.</param>
/// <param name="Top">The most probable tokens at its place.</param>
internal sealed record TokenScore(byte[] Bytes, double LogProbability, IReadOnlyList<TokenScore> Top);
