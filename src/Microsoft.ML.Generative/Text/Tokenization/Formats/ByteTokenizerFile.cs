using Microsoft.ML.Generative.Text.Tokenization.Models;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Text.Tokenization.Formats;

/// <summary>
/// Makes the tokenizer of ByT5 (Xue et al. 2022), which has no file: padding, end and unknown, then the 256 bytes, then 125 sentinels.
/// </summary>
internal static class ByteTokenizerFile
{
    /// <summary>The class that a folder's settings name.</summary>
    public const string ClassName = "ByT5Tokenizer";

    private const int Sentinels = 125;

    private static readonly string[] _special = ["<pad>", "</s>", "<unk>"];

    /// <param name="config">Names of special tokens; those of ByT5 where there are none.</param>
    public static GenerativeTokenizer Create(TokenizerConfig config)
    {
        Dictionary<string, int> vocabulary = [];
        foreach (string token in _special)
            vocabulary.Add(token, vocabulary.Count);
        for (int value = 0; value <= byte.MaxValue; value++)
            vocabulary.Add(ByteAlphabet.CharacterOf((byte)value).ToString(), vocabulary.Count);
        AddedToken[] added =
        [
            .. _special.Select((token, id) => new AddedToken(id, token, IsSpecial: true)),
            .. Enumerable.Range(0, Sentinels).Select(n => new AddedToken(vocabulary.Count + n, $"<extra_id_{n}>", IsSpecial: true)),
        ];
        config = config with
        {
            PadToken = config.PadToken ?? _special[0],
            EosToken = config.EosToken ?? _special[1],
            UnkToken = config.UnkToken ?? _special[2],
        };
        byte[] json = TokenizerJsonWriter.Write(new TokenizerParts
        {
            AddedTokens = added,
            PreTokenizer = writer => TokenizerJsonParts.WriteByteLevel(writer, addPrefixSpace: false, usePattern: true),
            Model = writer => TokenizerJsonParts.WriteBytePairs(writer, vocabulary, [], new BytePairSettings()),
            PostProcessor = writer => TokenizerJsonParts.WriteFrame(writer, before: null, after: (_special[1], 1)),
            Decoder = writer => TokenizerJsonParts.WriteByteLevel(writer, addPrefixSpace: false, usePattern: true),
        });
        return TokenizerFiles.Create(json, config);
    }
}
