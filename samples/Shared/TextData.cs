using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;

namespace Samples.Shared;

/// <summary>The text of lessons about language models.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Train">The training text.</param>
/// <param name="Validation">The validation text: the last tenth.</param>
public sealed record TextData(string Name, string Train, string Validation)
{
    /// <summary>Loads Tiny Shakespeare, or makes a play.</summary>
    /// <param name="ml">The context, with the data directory.</param>
    /// <param name="name">shakespeare or made; auto is shakespeare where its file is, else made.</param>
    /// <param name="characters">The largest number of characters.</param>
    /// <exception cref="FileNotFoundException">The file of Tiny Shakespeare is missing.</exception>
    public static TextData Load(MLContext ml, string name, int characters)
    {
        string path = Path.Combine(ml.Generative().DataDirectory, "tinyshakespeare", "input.txt");
        if (name == "shakespeare" && !File.Exists(path))
            throw new FileNotFoundException($"There is no '{path}': put Karpathy's tinyshakespeare/input.txt there, or take --data made.");
        bool isFile = name != "made" && File.Exists(path);
        string text = isFile ? File.ReadAllText(path) : MadePlay.Write(characters, seed: 1);
        text = text[..Math.Min(text.Length, characters)];
        // Between two speeches.
        int train = text.LastIndexOf("\n\n", text.Length * 9 / 10, StringComparison.Ordinal) + 2;
        return new TextData(isFile ? "Tiny Shakespeare" : "a made play", text[..train], text[train..]);
    }

    /// <summary>The words of a text in lower case, letters only.</summary>
    public static IEnumerable<string> Words(string text) =>
        text.ToLowerInvariant().Split([.. text.Where(c => !char.IsLetter(c)).Distinct()], StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Texts as rows of data.</summary>
    public static IDataView Rows(MLContext ml, params string[] texts) =>
        ml.Data.LoadFromEnumerable(texts.Select(text => new TextRow { Text = text }));

    private sealed class TextRow
    {
        public string Text { get; set; } = "";
    }
}
