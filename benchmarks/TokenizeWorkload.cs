using System.Diagnostics;
using Microsoft.ML.Generative.Tokenizers;
using Microsoft.ML.Tokenizers;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>
/// Seconds to make a byte pair encoding of 4,096 tokens of the Shakespeare text, and million characters a second that each tokenizer
/// whose files are in GENERATIVE_DATA encodes: the first time, and once its words are known. Beside ours, Microsoft.ML.Tokenizers' GPT-2.
/// </summary>
internal static class TokenizeWorkload
{
    private static readonly (string Name, string Path)[] _files =
    [
        ("llama2", "llama-tokenizer/tokenizer.model"), ("t5", "t5-spiece/spiece.model"), ("tok512", "stories260K/tok512.bin"),
        ("bert", "bert-base-uncased/vocab.txt"),
    ];

    public static object Run(BenchmarkSettings settings)
    {
        string folder = new MLContext().Generative().DataDirectory;
        string File(string path) => Path.Combine(folder, path);
        string text = System.IO.File.ReadAllText(File("tinyshakespeare/input.txt"));

        var watch = Stopwatch.StartNew();
        GenerativeTokenizer trained = GenerativeTokenizers.TrainBytePairEncoding([text], 4096);
        double training = watch.Elapsed.TotalSeconds;

        string vocabulary = File("gpt2-bpe/encoder.json");
        string merges = File("gpt2-bpe/vocab.bpe");
        Dictionary<string, Tokenizer> tokenizers =
            new() { ["characters"] = GenerativeTokenizers.CharacterLevel([text]), ["trained"] = trained };
        if (System.IO.File.Exists(vocabulary))
        {
            tokenizers["gpt2"] = GenerativeTokenizers.FromGpt2Files(vocabulary, merges);
            tokenizers["gpt2_microsoft"] = BpeTokenizer.Create(new BpeOptions(vocabulary, merges)
            {
                ByteLevel = true,
                PreTokenizer = RobertaPreTokenizer.Instance,
            });
        }

        foreach (var (name, path) in _files.Where(file => System.IO.File.Exists(File(file.Path))))
            tokenizers[name] = GenerativeTokenizers.FromFile(File(path));

        return new
        {
            workload = "tokenize",
            characters = text.Length,
            train_4096_s = Math.Round(training, 2),
            million_characters_per_s = tokenizers.ToDictionary(tokenizer => tokenizer.Key, tokenizer => new
            {
                first = Speed(tokenizer.Value, text, 0),
                warm = Speed(tokenizer.Value, text, settings.Seconds / tokenizers.Count),
                tokens = tokenizer.Value.CountTokens(text),
            }),
        };
    }

    private static double Speed(Tokenizer tokenizer, string text, double seconds)
    {
        var watch = Stopwatch.StartNew();
        int count = 0;
        do
        {
            tokenizer.EncodeToIds(text);
            count++;
        }
        while (watch.Elapsed.TotalSeconds < seconds);
        return Math.Round(text.Length * (double)count / watch.Elapsed.TotalSeconds / 1e6, 2);
    }
}
