using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Microsoft.ML.Generative.Text.LanguageModels;

namespace Microsoft.ML.Generative.Text.Encoders;

/// <summary>The tokens of a training's examples, each of one or more texts, and a number beside each.</summary>
/// <param name="vocabularySize">Tokens are below this.</param>
/// <param name="texts">Texts of an example.</param>
/// <param name="budget">Bytes that the tokens may take.</param>
internal sealed class EncoderExamples(int vocabularySize, int texts, long budget)
{
    private readonly TokenCorpus _corpus = new(vocabularySize, budget);
    private readonly List<double> _numbers = [];

    public int Count => _corpus.Examples.Count / texts;

    /// <summary>Tokens in all.</summary>
    public long Tokens => _corpus.Count;

    /// <summary>Rows that the examples came from.</summary>
    public long Rows
    {
        get => _corpus.Rows;
        set => _corpus.Rows = value;
    }

    /// <summary>Identifies the examples.</summary>
    public string Fingerprint
    {
        get
        {
            string numbers = Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(_numbers))));
            return $"{_corpus.Fingerprint}, {numbers[..16]}";
        }
    }

    /// <summary>Adds an example.</summary>
    /// <exception cref="InvalidOperationException">The tokens do not fit the memory allowed.</exception>
    public void Add(double number, params ReadOnlySpan<EncodedText> example)
    {
        foreach (EncodedText text in example)
            _corpus.AddExample(text.Ids, text.First);
        _numbers.Add(number);
    }

    /// <summary>A text of an example.</summary>
    public EncodedText TextOf(long example, int text = 0)
    {
        TokenSpan span = _corpus.Examples[checked((int)(example * texts + text))];
        return new EncodedText(_corpus.TokensOf(span), span.Ignored + 1);
    }

    public double NumberOf(long example) => _numbers[(int)example];
}
