using System.Diagnostics;
using System.Numerics.Tensors;
using Microsoft.ML.Generative.Text.Decoding;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>Decodes the most probable tokens in all streams of a session, from empty ones on.</summary>
/// <param name="streams">The streams.</param>
/// <param name="vocabulary">Tokens of the model.</param>
/// <param name="length">Tokens of each stream.</param>
internal sealed class GreedyDecoding(int streams, int vocabulary, int length)
{
    private readonly int[] _streams = [.. Enumerable.Range(0, streams)];
    private readonly int[] _tokens = new int[streams];
    private readonly float[] _logits = new float[streams * vocabulary];

    /// <summary>Decodes once, and returns the seconds that it took.</summary>
    public double Run(IDecodingSession session)
    {
        foreach (int stream in _streams)
            session.Reset(stream);
        Array.Copy(_streams, _tokens, streams);
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < length; i++)
        {
            session.Append(_streams, _tokens, _logits);
            for (int stream = 0; stream < streams; stream++)
                _tokens[stream] = TensorPrimitives.IndexOfMax(_logits.AsSpan(stream * vocabulary, vocabulary));
        }

        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
