using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.Alignment;

/// <summary>What the trainings on roll-outs have in common: roll-outs are a source of batches of the ordinary loop.</summary>
internal static class RolloutTraining
{
    /// <summary>Trains a policy.</summary>
    /// <param name="env">The environment of the context.</param>
    /// <param name="host">The estimator's host.</param>
    /// <param name="options">Checked options.</param>
    /// <param name="input">The prompts.</param>
    /// <param name="create">Creates what is trained, and the method.</param>
    public static LanguageModelTransformer Fit(
        IHostEnvironment env, IHost host, RolloutOptions options, IDataView input,
        Func<Trainer, PolicyTraining, AlignmentWatch, (torch.nn.Module Trained, RolloutMethod Method)> create)
    {
        ArgumentNullException.ThrowIfNull(input);
        TorchRuntime.Preload();
        ColumnTypes.CheckText(SchemaShape.Create(input.Schema), options.PromptColumnName);
        options.CheckValidation(schema => ColumnTypes.CheckText(schema, options.PromptColumnName));
        // An empty table is the plainer fault.
        if (!TextColumn.Read(input, options.PromptColumnName).Any())
            throw EmptyTable.Error([options.PromptColumnName]);
        int mostTokens = options.CheckRoom();
        foreach (TextReward reward in options.Rewards)
            reward.Check(host);

        return Trainer.Fit(env, host, options, trainer =>
        {
            TrainingRun run = trainer.Run;
            using IDisposable stop = EncodingStop.By(run.StopIfCancelled);
            options.CheckSteps(run.Processes);
            using PolicyTraining policy =
                PolicyTraining.Open(trainer, options, options.Temperature, options.BaseModel!.Codec.VocabularySize);
            PromptCorpus prompts = PromptCorpus.Read(run, input, options.PromptColumnName, policy.Codec, mostTokens, run.DataBudget);
            var watch = new AlignmentWatch(host);
            var player = new RolloutPlayer(run, policy, options, watch);
            (torch.nn.Module trained, RolloutMethod method) = create(trainer, policy, watch);
            var batches = new RolloutBatches(run, options, player, method, prompts, policy.Reference);
            IBatchSource? validationBatches = run.ReadValidation(data => new ValidationRollouts(
                run, options, player,
                PromptCorpus.Read(run, data, options.PromptColumnName, policy.Codec, mostTokens, run.ValidationBudget)));
            var phase = new TrainingPhase(trainer.Prepare("policy", trained), batches, method.Losses) { Unit = "tokens" };
            trainer.Train([phase], validationBatches, policy.Preview(run));
            return policy.Finish(host, trainer);
        });
    }

    /// <summary>The promised columns.</summary>
    public static SchemaShape Promise(SchemaShape inputSchema, RolloutOptions options)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        ColumnTypes.CheckText(inputSchema, options.PromptColumnName);
        return PolicyTraining.Promise(inputSchema, options);
    }
}
