using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative.Text.LanguageModels;

/// <summary>Scores texts by a fitted model of ML.NET that reads a text column and adds a column of scores.</summary>
/// <param name="transformer">The model; it needs no other column than the text.</param>
/// <param name="inputColumn">The text column that it reads.</param>
/// <param name="scoreColumn">The column of Single that it adds.</param>
/// <param name="what">What the model is, for errors.</param>
internal sealed class TextScores(ITransformer transformer, string inputColumn, string scoreColumn, string what)
{
    /// <exception cref="ArgumentException">The model cannot score texts alone, or adds no such column.</exception>
    public void Check(IHostEnvironment env) => Transform(env, [""]);

    /// <inheritdoc cref="Check"/>
    public double[] Of(IHostEnvironment env, string[] texts) =>
        [.. Transform(env, texts).GetColumn<float>(scoreColumn).Select(score => (double)score)];

    private IDataView Transform(IHostEnvironment env, string[] texts)
    {
        var rows = new ArrayDataViewBuilder(env);
        rows.AddColumn(inputColumn, texts);
        IDataView scored;
        try
        {
            scored = transformer.Transform(rows.GetDataView(texts.Length));
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException)
        {
            throw new ArgumentException(
                $"The model of {what} cannot score rows that have the text column '{inputColumn}' alone: {e.Message}", e);
        }

        DataViewSchema.Column? column = scored.Schema.GetColumnOrNull(scoreColumn);
        if (column?.Type != NumberDataViewType.Single)
        {
            throw new ArgumentException(
                $"The model of {what} has "
                + $"{(column is { } found ? $"a column '{scoreColumn}' of type {found.Type}" : $"no column '{scoreColumn}'")}; "
                + "expected a column of Single.");
        }

        return scored;
    }
}
