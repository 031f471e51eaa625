using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Evaluation;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative.Text.Evaluation;

/// <summary>Compares a text column with others.</summary>
internal static class TextEvaluator
{
    /// <inheritdoc cref="GenerativeCatalog.EvaluateText"/>
    public static TextMetrics Evaluate(
        IHostEnvironment env, IDataView data, string predictedColumn, IReadOnlyList<string> referenceColumns)
    {
        ArgumentNullException.ThrowIfNull(data);
        SchemaShape schema = SchemaShape.Create(data.Schema);
        foreach (string column in referenceColumns.Prepend(predictedColumn))
            ColumnTypes.CheckText(schema, column);
        IHost host = env.Register(nameof(TextEvaluator));
        using DataViewRowCursor cursor =
            data.GetRowCursor([.. referenceColumns.Prepend(predictedColumn).Distinct().Select(name => data.Schema[name])]);
        Func<string> predicted = TextColumn.Open(cursor, data.Schema[predictedColumn]);
        Func<string>[] references = [.. referenceColumns.Select(name => TextColumn.Open(cursor, data.Schema[name]))];
        var bleu = new Bleu();
        long rows = 0, equal = 0;
        RougeScore one = default, two = default, longest = default;
        while (cursor.MoveNext())
        {
            host.CheckAlive();
            string text = predicted();
            string[] all = [.. references.Select(read => read())];
            rows++;
            equal += all.Contains(text, StringComparer.Ordinal) ? 1 : 0;
            bleu.Add(text, all);
            string[] words = Rouge.Words(text);
            string[][] allWords = [.. all.Select(Rouge.Words)];
            one = Sum(one, allWords.Select(reference => Rouge.NGram(words, reference, 1)));
            two = Sum(two, allWords.Select(reference => Rouge.NGram(words, reference, 2)));
            longest = Sum(longest, allWords.Select(reference => Rouge.Longest(words, reference)));
        }

        return rows == 0 ? throw EmptyTable.Error(referenceColumns.Prepend(predictedColumn), "evaluate") : new TextMetrics(
            rows, (double)equal / rows, bleu.Score, bleu.BrevityPenalty, Mean(one, rows), Mean(two, rows), Mean(longest, rows));
    }

    // Of several references, the one that the text is nearest to.
    private static RougeScore Sum(RougeScore sum, IEnumerable<RougeScore> scores)
    {
        RougeScore best = scores.MaxBy(score => score.F1);
        return new RougeScore(sum.Precision + best.Precision, sum.Recall + best.Recall, sum.F1 + best.F1);
    }

    private static RougeScore Mean(RougeScore sum, long rows) => new(sum.Precision / rows, sum.Recall / rows, sum.F1 / rows);
}
