using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.LanguageModels;

namespace Microsoft.ML.Generative;

/// <summary>What the options of all trainings have in common that align a language model with preferences or rewards.</summary>
public abstract class AlignmentOptions : LanguageModelTuningOptions
{
    internal static new class Defaults
    {
        public const string PromptColumnName = "Prompt";
        public const string OutputColumnName = "Completion";
        public const double Beta = 0.1;
    }

    private protected AlignmentOptions()
    {
    }

    /// <summary>The text column with the prompts; also those that the trained model completes. Default: Prompt.</summary>
    public string PromptColumnName { get; set; } = Defaults.PromptColumnName;

    /// <summary>The output column with the text that the trained model adds to a prompt. Default: Completion.</summary>
    public string OutputColumnName { get; set; } = Defaults.OutputColumnName;

    /// <summary>
    /// How the trained model chooses tokens where no other options are given. Default: as
    /// <see cref="LanguageModelTuningOptions.BaseModel"/> does.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public TextGenerationOptions? Generation { get; set; }

    /// <summary>
    /// A prompt that the training continues at the end of each epoch, in a message to <see cref="MLContext.Log"/>, to see what the model
    /// has learned. It does not change the model. Default: none.
    /// </summary>
    [JsonIgnore]
    public string? SamplePrompt { get; set; }

    internal override AlignmentOptions Copy()
    {
        var copy = (AlignmentOptions)base.Copy();
        copy.Generation = Generation?.Copy();
        return copy;
    }

    internal override LanguageModelOptions ForLanguageModel()
    {
        LanguageModelOptions options = base.ForLanguageModel();
        options.InputColumnName = PromptColumnName;
        options.OutputColumnName = OutputColumnName;
        options.SamplePrompt = SamplePrompt;
        if (BaseModel is not null)
        {
            options.Architecture = BaseModel.Architecture;
            options.Generation = Generation ?? BaseModel.Definition.Defaults.Generation;
        }

        return options;
    }

    /// <summary>The trained model, without its weights.</summary>
    internal LanguageModelDefinition Define(long seed)
    {
        LanguageModelDefinition definition = BaseModel!.Definition;
        return definition with
        {
            Columns = new LanguageModelColumns { Input = PromptColumnName, Output = OutputColumnName },
            Defaults = definition.Defaults with
            {
                Generation = Generation ?? definition.Defaults.Generation,
                TransformBatchSize = TransformBatchSize,
                Seed = seed,
            },
        };
    }

    internal override void Validate()
    {
        base.Validate();
        OptionChecks.NotEmpty(PromptColumnName);
        OptionChecks.NotEmpty(OutputColumnName);
        Generation?.Validate(int.MaxValue);
    }
}
