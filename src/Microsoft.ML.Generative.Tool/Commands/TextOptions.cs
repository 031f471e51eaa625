using System.CommandLine;
using CliCommand = System.CommandLine.Command;

namespace Microsoft.ML.Generative.Tool.Commands;

/// <summary>How texts are generated; what is not given is as the model has it.</summary>
internal sealed class TextOptions
{
    private readonly Option<int?> _maxTokens = new("--max-tokens") { Description = "Tokens of a text at most." };
    private readonly Option<double?> _temperature = new("--temperature") { Description = "How much chance there is; 0: none." };
    private readonly Option<double?> _topP = new("--top-p") { Description = "Sample from the most probable tokens of this sum." };
    private readonly Option<int?> _topK = new("--top-k") { Description = "Sample from this number of the most probable tokens." };
    private readonly Option<string[]> _stop = new("--stop") { Description = "A text before which the answer ends; repeatable." };

    /// <summary>The seed, of texts and of images.</summary>
    public Option<int?> Seed { get; } = new("--seed") { Description = "The same seed gives the same result." };

    /// <summary>Tokens of a text at most, if that was said.</summary>
    public int? MaxTokens(ParseResult parsed) => parsed.GetValue(_maxTokens);

    public void AddTo(CliCommand command)
    {
        foreach (Option option in (Option[])[_maxTokens, _temperature, _topP, _topK, _stop, Seed])
            command.Add(option);
    }

    /// <summary>A model's own options with those of the command line.</summary>
    public TextGenerationOptions Of(ParseResult parsed, TextGenerationOptions defaults)
    {
        TextGenerationOptions options = defaults.Copy();
        options.MaxTokens = parsed.GetValue(_maxTokens) ?? options.MaxTokens;
        options.Temperature = parsed.GetValue(_temperature) ?? options.Temperature;
        options.TopP = parsed.GetValue(_topP) ?? options.TopP;
        options.TopK = parsed.GetValue(_topK) ?? options.TopK;
        options.Seed = parsed.GetValue(Seed) ?? options.Seed;
        options.StopStrings = [.. options.StopStrings, .. parsed.GetValue(_stop) ?? []];
        return options;
    }
}
