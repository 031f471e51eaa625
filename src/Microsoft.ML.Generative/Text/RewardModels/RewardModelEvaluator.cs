using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Evaluation;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.RewardModels;

/// <summary>Compares the scores of a reward model with preferences.</summary>
internal static class RewardModelEvaluator
{
    private const int BatchSize = 16;

    public static RewardModelMetrics Evaluate(
        IHostEnvironment env, RewardModelTransformer model, IDataView data, string chosenColumn, string rejectedColumn)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(data);
        string? promptColumn = model.Definition.Columns.Prompt;
        var columns = new PreferenceColumns(promptColumn, chosenColumn, rejectedColumn, null);
        columns.Validate();
        columns.Check(SchemaShape.Create(data.Schema));
        IHost host = env.Register(nameof(RewardModelEvaluator));
        using IDisposable use = model.Use();
        var sums = new Sums(model);
        IEnumerable<string?> prompts =
            promptColumn is null ? Enumerable.Repeat<string?>(null, int.MaxValue) : TextColumn.Read(data, promptColumn);
        IEnumerable<(string Chosen, string Rejected)> pairs =
            TextColumn.Read(data, chosenColumn).Zip(TextColumn.Read(data, rejectedColumn));
        long row = 0;
        foreach ((string? prompt, (string chosen, string rejected)) in prompts.Zip(pairs))
        {
            host.CheckAlive();
            sums.Add(
                model.Encode(promptColumn, chosenColumn, row, prompt, chosen),
                model.Encode(promptColumn, rejectedColumn, row, prompt, rejected));
            row++;
        }

        return row == 0 ? throw EmptyTable.Error(columns.Names, "evaluate") : sums.Finish();
    }

    private sealed class Sums(RewardModelTransformer model)
    {
        private readonly List<int[]> _waiting = [];
        private long _pairs;
        private double _loss;
        private double _right;
        private double _margin;
        private double _margins2;
        private double _score;

        public void Add(int[] chosen, int[] rejected)
        {
            _waiting.AddRange([chosen, rejected]);
            if (_waiting.Count == 2 * BatchSize)
                Run();
        }

        public RewardModelMetrics Finish()
        {
            if (_waiting.Count > 0)
                Run();
            return new RewardModelMetrics(
                _pairs, _loss / _pairs, _right / _pairs, _margin / _pairs, _margins2 / _pairs, _score / (2 * _pairs));
        }

        private void Run()
        {
            using IDisposable noGradient = torch.no_grad();
            using DisposeScope scope = torch.NewDisposeScope();
            float[] scores = FiniteValues.ToArray(model.ScoresOf(_waiting), "A score");
            for (int i = 0; i < scores.Length; i += 2)
            {
                double margin = (double)scores[i] - scores[i + 1];
                _loss += margin > 0 ? Math.Log(1 + Math.Exp(-margin)) : Math.Log(1 + Math.Exp(margin)) - margin;
                _right += margin > 0 ? 1 : 0;
                _margin += margin;
                _margins2 += margin * margin;
                _score += scores[i] + scores[i + 1];
                _pairs++;
            }

            _waiting.Clear();
        }
    }
}
